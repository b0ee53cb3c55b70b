import { randomBytes } from 'node:crypto'
import { quote, TenantryError } from './errors.ts'

/**
 * A lifecycle token: an opaque string that is compared for equality and for nothing else. Every one that is
 * written is new. The empty string is a token too.
 */
export type Token = string

/** What a token speaks for: `tenant:<encoded id>`, {@link ALL} or {@link ALL_HOSTS}. Stores put a prefix before it. */
export type TokenKey = string

/** The key whose token speaks for every tenant. */
export const ALL: TokenKey = 'all'

/** The key whose token speaks for the set of hosts: it changes when a tenant or a host name comes, goes or moves. */
export const ALL_HOSTS: TokenKey = 'all-hosts'

/** How long a tenant's token lives when nothing extends it, in milliseconds, before the spread of ± 10 %: 7 days. */
export const TOKEN_LIFETIME_MS: number = 7 * 24 * 60 * 60 * 1000

/** The longest tenant id, in bytes of UTF-8. */
const MAX_TENANT_ID_BYTES = 255

/** Ids that stand for themselves in a key; all others are percent-encoded. */
const PLAIN_ID = /^[A-Za-z0-9._-]{1,255}$/

/** A new token of 128 random bits. */
export function newToken(): Token {
  return randomBytes(16).toString('base64url')
}

/**
 * The token key of one tenant.
 *
 * The id is percent-encoded, so that a key is printable ASCII without spaces, colons or braces, and no id can
 * spell another tenant's key or a key of another kind.
 *
 * @throws TENANTRY_ERR_TENANT_ID_INVALID unless `id` is a non-empty, well-formed string of at most 255 bytes.
 */
export function tenantKey(id: string): TokenKey {
  if (typeof id === 'string' && PLAIN_ID.test(id)) return `tenant:${id}`
  if (typeof id !== 'string' || id === '') throw invalidTenantId(id, 'a non-empty string')
  // A lone surrogate has no UTF-8: two of them would be encoded alike, and two ids would share a key.
  if (!id.isWellFormed()) throw invalidTenantId(id, 'a well-formed string, without lone surrogates')
  if (Buffer.byteLength(id) > MAX_TENANT_ID_BYTES) {
    throw invalidTenantId(id, `at most ${MAX_TENANT_ID_BYTES} bytes of UTF-8`)
  }
  return `tenant:${encodeURIComponent(id)}`
}

/**
 * How long a token that is written or touched now shall live, in milliseconds. Undefined: it does not expire.
 *
 * Tenants' lifetimes are spread by ± 10 %, so that tokens that were written together do not end together.
 *
 * @param random a number from 0 (inclusive) to 1 (exclusive)
 */
export function tokenLifetimeMs(key: TokenKey, random: number = Math.random()): number | undefined {
  if (key === ALL || key === ALL_HOSTS) return undefined
  return Math.round(TOKEN_LIFETIME_MS * (0.9 + 0.2 * random))
}

function invalidTenantId(id: unknown, expected: string): TenantryError {
  return new TenantryError('TENANTRY_ERR_TENANT_ID_INVALID', {
    message: `Expected a tenant id to be ${expected}, got ${quote(id)}`,
  })
}
