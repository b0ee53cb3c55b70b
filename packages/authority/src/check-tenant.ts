import { canonicalHostname, TenantryError, type TokenKey, tenantKey } from '@tenantry/core'
import { checkConfig } from './check-config.ts'
import { invalid, isStorable, TEXT_RULE } from './invalid.ts'
import { show } from './show.ts'
import type { Asked, NewTenant, TenantChange } from './types.ts'

const MAX_NAME = 200
const MAX_BY = 128
const MAX_REASON = 500
export const MAX_HOSTNAMES = 100

/** A tenant as it is stored. */
export interface CheckedTenant {
  readonly name: string
  /** JSON */
  readonly config: string
  /** Canonical, sorted, each once. */
  readonly hostnames: readonly string[]
}

/** What is not there stays as it is. */
export type CheckedChange = { readonly [Key in keyof CheckedTenant]?: CheckedTenant[Key] | undefined }

/** @throws TENANTRY_ERR_TENANT_INVALID */
export function checkTenant({ name, config, hostnames }: NewTenant): CheckedTenant {
  return { name: checkName(name), config: checkConfig(config), hostnames: checkHostnames(hostnames) }
}

/** @throws TENANTRY_ERR_TENANT_INVALID */
export function checkChange({ name, config, hostnames }: TenantChange): CheckedChange {
  return {
    name: name === undefined ? undefined : checkName(name),
    config: config === undefined ? undefined : checkConfig(config),
    hostnames: hostnames === undefined ? undefined : checkHostnames(hostnames),
  }
}

/**
 * The token key of a tenant that may exist.
 *
 * @throws TENANTRY_ERR_TENANT_ID_INVALID
 */
export function checkId(id: string): TokenKey {
  const key = tenantKey(id)
  if (isStorable(id)) return key
  throw invalidId('a tenant id without U+0000', id)
}

export function invalidId(expected: string, received: unknown): TenantryError {
  return new TenantryError('TENANTRY_ERR_TENANT_ID_INVALID', {
    message: `Expected ${expected}, got ${show(received)}`,
  })
}

/** @throws TENANTRY_ERR_TENANT_INVALID */
export function checkAsked({ by, reason }: Asked): { by: string; reason: string | null } {
  const isGiven = reason !== undefined && reason !== ''
  return { by: checkText('by', by, MAX_BY), reason: isGiven ? checkText('reason', reason, MAX_REASON) : null }
}

function checkName(name: string): string {
  const text = checkText('name', name, MAX_NAME)
  if (text.trim() === '') throw invalid('name', 'more than blanks', show(name))
  return text
}

function checkText(field: string, text: string, max: number): string {
  if (typeof text !== 'string') throw invalid(field, 'a string', show(text))
  // As JSON Schema counts: one for each character, also where it takes two places of a string.
  const isTooLong = text.length > 2 * max || [...text].length > max
  if (text === '' || isTooLong) throw invalid(field, `a string of 1 to ${max} characters`, show(text))
  if (!isStorable(text)) throw invalid(field, TEXT_RULE, show(text))
  return text
}

function checkHostnames(hostnames: readonly string[]): readonly string[] {
  if (!Array.isArray(hostnames)) throw invalid('hostnames', 'a list', show(hostnames))
  if (hostnames.length > MAX_HOSTNAMES) throw tooManyHostnames(hostnames.length)
  const canonical = hostnames.map((hostname, index) => {
    try {
      return canonicalHostname(hostname)
    } catch (cause) {
      const message = `hostnames[${index}]: ${(cause as Error).message}`
      throw new TenantryError('TENANTRY_ERR_TENANT_INVALID', { message, cause })
    }
  })
  return [...new Set(canonical)].sort()
}

export function tooManyHostnames(received: number): TenantryError {
  return invalid('hostnames', `at most ${MAX_HOSTNAMES} host names`, String(received))
}
