import type { ConnectionOptions } from 'node:tls'
import {
  claimToken,
  type Token,
  type TokenAnswer,
  type TokenKey,
  type TokenStore,
  tokenLifetimeMs,
} from '@tenantry/core'
import type { MemcacheClient } from 'memcache-client'
import { checkIsObject, checkOptions } from './check-options.ts'
import { expirySeconds } from './expiry-seconds.ts'
import { keyName } from './key-name.ts'
import { readTokens } from './read-tokens.ts'
import { serverAddresses } from './server-addresses.ts'
import { ServerConnection } from './server-connection.ts'
import { serverOf } from './server-of.ts'

export interface MemcachedTokenStoreOptions {
  /** What the names of all keys begin with: at most 200 characters of ASCII, without spaces. @default 'tenantry:' */
  prefix?: string

  /**
   * How long an operation may take, in milliseconds; a claim is up to three rounds of two, an add and a read. The pool
   * has a shorter limit of its own, `checkTimeoutMs`; this one frees what it has given up. @default 1000
   */
  commandTimeoutMs?: number

  /** Options of `tls.connect`: the servers are asked through TLS. Left out: they are asked in the clear. */
  tls?: ConnectionOptions
}

/**
 * The wall on Memcached 1.6 or later: one server, or several that share the keys.
 *
 * Each key lives on one server, and no other takes its place. Every process must name the same servers in the same way,
 * and each name must lead to one server: list the servers themselves, never a Service or an endpoint in front of several.
 *
 * @example
 * new MemcachedTokenStore('localhost:11211')
 * new MemcachedTokenStore(['cache-1', 'cache-2', 'cache-3'], { prefix: 'shop:' })
 */
export class MemcachedTokenStore implements TokenStore {
  readonly #servers: readonly ServerConnection[]
  readonly #prefix: string

  /**
   * @param servers each as `host` or `host:port`; the port is 11211 by default. A host with several IPv4 addresses, or
   * several IPv6 addresses, is refused when it is connected to; several servers behind one address cannot be noticed
   * @throws TENANTRY_ERR_OPTIONS_INVALID
   */
  constructor(servers: string | readonly string[], options: MemcachedTokenStoreOptions = {}) {
    const addresses = serverAddresses(servers)
    checkIsObject(options)
    const { prefix = 'tenantry:', commandTimeoutMs = 1000, tls } = options
    checkOptions(prefix, commandTimeoutMs, tls)
    this.#prefix = prefix
    this.#servers = addresses.map((address) => new ServerConnection({ address, commandTimeoutMs, tls }))
  }

  async read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    const shares = this.#shares(keys)
    const answers = new Map<TokenKey, TokenAnswer>()
    const failures: Error[] = []
    async function readShare({ server, keys, names }: Share): Promise<void> {
      const tokens = await server
        .ask((client) => readTokens(client, names))
        .catch((error: Error) => {
          failures.push(error)
          return names.map(() => error)
        })
      for (const [index, key] of keys.entries()) answers.set(key, tokens[index] as TokenAnswer)
    }
    await Promise.all(shares.map(readShare))
    if (failures.length > 0 && failures.length === shares.length) throw failures[0]
    return keys.map((key) => answers.get(key) as TokenAnswer)
  }

  async write(key: TokenKey, token: Token): Promise<void> {
    const { server, name } = this.#place(key)
    await server.ask((client) => client.set(name, token, { lifetime: expiry(key) }))
  }

  async claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    const { server, name } = this.#place(key)
    return claimToken(key, newToken, {
      add: (_, token) =>
        server.ask((client) => unless('NOT_STORED', client.add(name, token, { lifetime: expiry(key) }))),
      read: async () => (await server.ask((client) => readTokens(client, [name])))[0] as TokenAnswer,
    })
  }

  async touch(keys: readonly TokenKey[]): Promise<void> {
    const touch = (client: MemcacheClient, key: TokenKey, name: string) =>
      unless('NOT_FOUND', client.touch(name, expiry(key)))
    const touches = this.#shares(keys).map(({ server, keys, names }) =>
      server.ask((client) =>
        Promise.all(keys.map((key, index) => touch(client, key, names[index] as string))),
      ),
    )
    await Promise.all(touches)
  }

  /**
   * Ends the store's connections, also while a server is silent. Operations under way reject, and so does every later
   * one. May be called again.
   */
  close(): void {
    for (const server of this.#servers) server.close()
  }

  #shares(keys: readonly TokenKey[]): Share[] {
    const shares = new Map<ServerConnection, Share>()
    for (const key of keys) {
      const { server, name } = this.#place(key)
      const share = shares.get(server) ?? { server, keys: [], names: [] }
      shares.set(server, share)
      share.keys.push(key)
      share.names.push(name)
    }
    return [...shares.values()]
  }

  #place(key: TokenKey): { server: ServerConnection; name: string } {
    const name = keyName(this.#prefix, key)
    return { server: serverOf(this.#servers, name), name }
  }
}

/** What one server has to do with an operation on many keys. */
interface Share {
  readonly server: ServerConnection
  readonly keys: TokenKey[]
  /** What the keys are called in Memcached, in their order. */
  readonly names: string[]
}

function expiry(key: TokenKey): number {
  return expirySeconds(tokenLifetimeMs(key))
}

/** Whether the server has carried `command` out; false when its reply was `refusal`. */
async function unless(refusal: 'NOT_STORED' | 'NOT_FOUND', command: Promise<unknown>): Promise<boolean> {
  try {
    await command
    return true
  } catch (error) {
    if ((error as Error).message === refusal) return false
    throw error
  }
}
