import { canonicalHostname } from '@tenantry/core'
import { show } from './show.ts'

/** A tenant as its entry in the tenants file describes it. Fields that the page does not know are kept. */
export interface Tenant {
  readonly id: string
  readonly name: string
  /** In canonical form. */
  readonly hostnames: readonly string[]
  readonly tagline?: string
  /** What stands for the tenant: an emoji, a letter or two. @default the name's first letter */
  readonly logo?: string
  readonly theme?: Theme
  readonly products?: readonly Product[]
  readonly [field: string]: unknown
}

/** Colours, as `#rrggbb`. */
export interface Theme {
  readonly accent: string
  /** Where the gradient that starts with `accent` ends. @default accent */
  readonly second?: string
}

export interface Product {
  readonly name: string
  readonly text?: string
  readonly price?: string
}

/** A tenant that cannot be read: where, what was expected, what was received. For logs, not for strangers. */
class TenantInvalidError extends Error {
  override readonly name = 'TenantInvalidError'
}

/**
 * Makes a tenant of an entry of the tenants file. Whatever the page writes into CSS or takes apart is checked
 * here; what is plain text is escaped where it is written.
 *
 * @throws TenantInvalidError
 */
export function parseTenant(id: string, entry: unknown): Tenant {
  const at = `tenants.${id}`
  const fields = object(entry, at)
  if (fields.id !== undefined && fields.id !== id)
    throw invalid(`${at}.id`, `${show(id)} or nothing`, fields.id)
  const name = text(fields.name, `${at}.name`)
  const hostnames = list(fields.hostnames, `${at}.hostnames`, hostname)
  if (hostnames.length === 0) throw invalid(`${at}.hostnames`, 'at least one host name', hostnames)
  optional(fields.tagline, `${at}.tagline`, text)
  optional(fields.logo, `${at}.logo`, text)
  optional(fields.theme, `${at}.theme`, theme)
  optional(fields.products, `${at}.products`, (value, path) => list(value, path, product))
  return { id, name, ...fields, hostnames }
}

type Check<Value> = (value: unknown, path: string) => Value

function hostname(value: unknown, path: string): string {
  const name = text(value, path)
  try {
    return canonicalHostname(name)
  } catch (cause) {
    throw invalid(path, 'a host name without port', value, cause)
  }
}

function theme(value: unknown, path: string): void {
  const fields = object(value, path)
  colour(fields.accent, `${path}.accent`)
  optional(fields.second, `${path}.second`, colour)
}

function colour(value: unknown, path: string): void {
  if (typeof value !== 'string' || !/^#[0-9a-f]{6}$/i.test(value))
    throw invalid(path, 'a colour, #rrggbb', value)
}

function product(value: unknown, path: string): void {
  const fields = object(value, path)
  text(fields.name, `${path}.name`)
  optional(fields.text, `${path}.text`, text)
  optional(fields.price, `${path}.price`, text)
}

/** Checks that `value` is a JSON object. */
export function object(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw invalid(path, 'an object', value)
}

function list<Value>(value: unknown, path: string, check: Check<Value>): readonly Value[] {
  if (!Array.isArray(value)) throw invalid(path, 'an array', value)
  return value.map((item, index) => check(item, `${path}[${index}]`))
}

function text(value: unknown, path: string): string {
  if (typeof value === 'string' && value.trim() !== '') return value
  throw invalid(path, 'a text that is not empty', value)
}

function optional(value: unknown, path: string, check: Check<unknown>): void {
  if (value !== undefined) check(value, path)
}

function invalid(path: string, expected: string, value: unknown, cause?: unknown): TenantInvalidError {
  const message = `${path}: expected ${expected}, got ${value === undefined ? 'nothing' : show(value)}`
  return new TenantInvalidError(message, { cause })
}
