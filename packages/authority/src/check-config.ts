import { invalid, isStorable, TEXT_RULE } from './invalid.ts'
import { show } from './show.ts'
import type { Config } from './types.ts'

const MAX_DEPTH = 64
const MAX_BYTES = 1024 * 1024

/** A value within the configuration, and where: its path is only spelled out for a message. */
interface Part {
  readonly value: unknown
  readonly depth: number
  readonly key: string | number
  readonly outer: Part | undefined
}

/**
 * The JSON of a configuration. Whatever passes can be stored, and is read back as it is.
 *
 * A value may be nested too deep for a function that calls itself, or hold itself: so its parts go through a list,
 * and no more of them than a configuration may have bytes.
 *
 * @throws TENANTRY_ERR_TENANT_INVALID
 */
export function checkConfig(config: Config): string {
  if (!isPlainObject(config)) throw invalid('config', 'a JSON object', show(config))
  const parts: Part[] = [{ value: config, depth: 1, key: 'config', outer: undefined }]
  let bytes = 0

  function count(more: number): void {
    bytes += more
    if (bytes > MAX_BYTES) {
      throw invalid('config', `at most ${MAX_BYTES} bytes of JSON with its numbers written out`, 'more')
    }
  }

  function add(outer: Part, key: string | number, value: unknown): void {
    const part = { value, depth: outer.depth + 1, key, outer }
    if (typeof key === 'string') countText(part, key)
    count(1)
    parts.push(part)
  }

  function countText(part: Part, text: string): void {
    count(text.length)
    if (!isStorable(text)) throw invalid(pathOf(part), TEXT_RULE, show(text))
  }

  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const { value, depth } = part
    if (typeof value === 'boolean' || value === null) continue
    if (typeof value === 'string') countText(part, value)
    else if (typeof value === 'number') count(digitsBeyond(part, value))
    else if (depth > MAX_DEPTH) throw invalid('config', `nested at most ${MAX_DEPTH} deep`, 'more')
    else if (Array.isArray(value)) for (const [index, inner] of value.entries()) add(part, index, inner)
    else if (isPlainObject(value)) for (const [key, inner] of Object.entries(value)) add(part, key, inner)
    else throw invalid(pathOf(part), 'a value of JSON', show(value))
  }
  const json = JSON.stringify(config)
  bytes = 0
  count(Buffer.byteLength(json))
  return json
}

/** How many digits Postgres writes out beyond those of the number's own JSON: 1e308 has 309 in all. */
function digitsBeyond(part: Part, value: number): number {
  if (!Number.isFinite(value)) throw invalid(pathOf(part), 'a finite number', String(value))
  return Number(/e[+-](\d+)$/.exec(String(value))?.[1] ?? 0)
}

function pathOf({ key, outer }: Part): string {
  if (outer === undefined) return String(key)
  return /^\w+$/.test(String(key)) && typeof key === 'string'
    ? `${pathOf(outer)}.${key}`
    : `${pathOf(outer)}[${typeof key === 'string' ? show(key) : key}]`
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
