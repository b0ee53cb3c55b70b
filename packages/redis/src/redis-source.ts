import { type Cluster, Redis, type RedisOptions } from 'ioredis'
import { invalidOption } from './invalid-option.ts'

/**
 * Where Redis is: a URL (`redis://` or `rediss://`), options of ioredis (Sentinel's too), or a client of ioredis from
 * which to take address and credentials.
 */
export type RedisSource = string | RedisOptions | Redis | Redis<'resp3'> | Cluster | Cluster<'resp3'>

/**
 * A client that knows address and credentials: the caller's own, or one that never connects.
 *
 * @throws TENANTRY_ERR_OPTIONS_INVALID when `source` is none
 */
export function modelOf(source: RedisSource): Redis | Cluster {
  if (typeof source === 'string') return new Redis(checkUrl(source), { lazyConnect: true })
  if (typeof source !== 'object' || source === null) throw invalidSource(String(source))
  if ('mget' in source && 'duplicate' in source) return source as Redis | Cluster
  if (Array.isArray(source)) throw invalidSource('an array')
  // Taken for options, it would lead to localhost.
  if ('connect' in source) throw invalidSource('a client of something else')
  try {
    return new Redis({ ...source, replyMapping: 'legacy', lazyConnect: true })
  } catch (cause) {
    throw invalidOption(`Expected Redis options that ioredis can use: ${(cause as Error).message}`, cause)
  }
}

/** Nothing of a bad URL is repeated but its beginning: there may be a password in the rest. */
function checkUrl(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0]
  if (scheme === undefined) throw invalidSource(url === '' ? 'an empty string' : 'a string that is no URL')
  if (!/^rediss?:\/\/$/.test(scheme)) throw invalidSource(`a URL that begins with ${scheme}`)
  if (!URL.canParse(url)) throw invalidSource(`a malformed URL that begins with ${scheme}`)
  const { username, password, pathname } = new URL(url)
  // ioredis would take any other path for database 0.
  if (!/^(\/\d*)?$/.test(pathname)) throw invalidSource('a URL whose path is no database number')
  try {
    decodeURIComponent(username + password)
  } catch {
    throw invalidSource('a URL whose user name or password is not percent-encoded')
  }
  return url
}

function invalidSource(received: string): Error {
  return invalidOption(
    'Expected a URL (redis://host:port/database, or rediss://), Redis options, ' +
      `or a Redis or Cluster client of ioredis, got ${received}`,
  )
}
