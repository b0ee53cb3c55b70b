import { escapePointer } from './json-text.ts'

/** One place in which two values differ; undefined: it is not there. */
export interface JsonChange {
  readonly path: string
  readonly from: unknown
  readonly to: unknown
}

/** Where `to` differs from `from`. Lists are taken as a whole: what moved in one cannot be known. */
export function changesOf(from: unknown, to: unknown, path = ''): readonly JsonChange[] {
  if (!isObject(from) || !isObject(to))
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, from, to }]
  const names = new Set([...Object.keys(from), ...Object.keys(to)])
  return [...names].flatMap((name) =>
    changesOf(own(from, name), own(to, name), `${path}/${escapePointer(name)}`),
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function own(value: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined
}
