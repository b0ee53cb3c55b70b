import { hash } from 'node:crypto'
import type { TokenKey } from '@tenantry/core'

/** What Memcached takes for a key, in bytes. */
const MAX_NAME_BYTES = 250

/** Begins the names of keys that do not stand for themselves; no key of a tenant begins with it. */
const HASHED = '#'

/** No longer, so that there is room for {@link HASHED}, twice, and a hash. */
export const MAX_PREFIX_BYTES: number = 200

/** The alphabet of names: Memcached takes neither spaces nor control characters. */
export const PLAIN_NAME: RegExp = /^[\x21-\x7e]*$/

/** Memcached takes no empty name; and in the object of what it has read, the client cannot keep the other one. */
const IMPOSSIBLE_NAMES: readonly string[] = ['', '__proto__']

/**
 * What `key` is called in Memcached: itself under the prefix, where Memcached can take that, else its hash.
 *
 * No two keys share a name: what is hashed begins with a sign, and a key that begins with it is hashed, too.
 */
export function keyName(prefix: string, key: TokenKey): string {
  const name = prefix + key
  const isPlain = !key.startsWith(HASHED) && PLAIN_NAME.test(key)
  if (isPlain && name.length <= MAX_NAME_BYTES && !IMPOSSIBLE_NAMES.includes(name)) return name
  if (key.isWellFormed()) return `${prefix}${HASHED}${hash('sha256', key, 'base64url')}`
  // In UTF-8 all halves of surrogate pairs are the same: these keys are hashed in UTF-16, and marked as such.
  return `${prefix}${HASHED}${HASHED}${hash('sha256', Buffer.from(key, 'utf16le'), 'base64url')}`
}
