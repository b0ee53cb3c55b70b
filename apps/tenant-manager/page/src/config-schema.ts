import { type Signal, signal } from '@preact/signals'
import type { ApiClient } from './api-client.ts'

/** What is shown of a JSON Schema. */
export interface Schema {
  readonly title?: string
  readonly description?: string
  readonly type?: string
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly required?: readonly string[]
}

/**
 * What the manager checks configurations by: null where it was given none, undefined while that is not known. Asked
 * for once: it stays what it is while the manager runs.
 */
export const configSchema: Signal<Schema | null | undefined> = signal(undefined)

export async function readConfigSchema(api: ApiClient): Promise<void> {
  if (configSchema.value !== undefined) return
  try {
    configSchema.value = (await api.ask<{ schema: Schema | null }>('/api/config-schema')).schema
  } catch {
    // It is a help, and no more. The next editor asks again.
  }
}

/** What the schema says of a place in a configuration, by its JSON pointer. */
export function schemaAt(schema: Schema | null | undefined, pointer: string): Schema | undefined {
  let place = schema ?? undefined
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~')
    const properties = place?.properties
    place = properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : place?.items
  }
  return place
}

/** The manager's sentence, with a pattern that few can read put into the schema's own words, where it has any. */
export function inWords(message: string, place: Schema | undefined): string {
  const { pattern, description } = place ?? {}
  if (typeof pattern !== 'string' || typeof description !== 'string') return message
  return message.replace(`text that matches ${pattern}`, () => `“${description.replace(/\.$/, '')}”`)
}
