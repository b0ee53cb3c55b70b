import { show } from '@tenantry/app-support'
import { canonicalHostname } from '@tenantry/core'
import { checkConfig } from './config-schema.ts'
import { TenantInvalidError } from './tenant-invalid-error.ts'

/** A tenant: what it is called, where it is, and its configuration. Fields that the page does not know are kept. */
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

/**
 * Makes a tenant of an entry of the tenants file.
 *
 * @throws TenantInvalidError
 */
export function parseTenant(id: string, entry: unknown): Tenant {
  const at = `tenants.${id}`
  const fields = object(entry, at)
  if (fields.id !== undefined && fields.id !== id)
    throw new TenantInvalidError(`${at}.id`, { expected: `${show(id)} or nothing`, received: fields.id })
  const name = text(fields.name, `${at}.name`)
  const hostnames = list(fields.hostnames, `${at}.hostnames`).map((value, index) =>
    hostname(value, `${at}.hostnames[${index}]`),
  )
  checkConfig(fields, at)
  return { id, name, ...fields, hostnames }
}

/** Checks that `value` is a JSON object. */
export function object(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new TenantInvalidError(path, { expected: 'an object', received: value })
}

function list(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new TenantInvalidError(path, { expected: 'an array', received: value })
  if (value.length > 0) return value
  throw new TenantInvalidError(path, { expected: 'at least one host name', received: value })
}

function hostname(value: unknown, path: string): string {
  const name = text(value, path)
  try {
    return canonicalHostname(name)
  } catch (cause) {
    throw new TenantInvalidError(path, { expected: 'a host name without port', received: value, cause })
  }
}

function text(value: unknown, path: string): string {
  if (typeof value === 'string' && value.trim() !== '') return value
  throw new TenantInvalidError(path, { expected: 'a text that is not empty', received: value })
}
