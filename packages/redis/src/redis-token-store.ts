import {
  claimToken,
  type Token,
  type TokenAnswer,
  type TokenKey,
  type TokenStore,
  tokenLifetimeMs,
} from '@tenantry/core'
import type { Cluster, Redis } from 'ioredis'
import type { OwnConnection } from './own-connection.ts'
import { ownRedis } from './own-redis.ts'
import type { RedisSource } from './redis-source.ts'

export interface RedisTokenStoreOptions {
  /**
   * What the names of all keys begin with. In a Cluster it must hold a hash tag, so that one `MGET` can read them all.
   * The `keyPrefix` of a client that the store was given does not count.
   *
   * @default 'tenantry:', and '{tenantry}:' in a Cluster
   */
  prefix?: string

  /**
   * How long an operation may take, in milliseconds. The pool has a shorter limit of its own, `checkTimeoutMs`; this
   * one frees what it has given up. @default 1000
   */
  commandTimeoutMs?: number
}

/** For so long a slot that was found to move is taken to move, in milliseconds: finding out takes a while each time. */
const SPLIT_MS = 1000

/**
 * The wall on Redis 6.2 or later, or Valkey: a single server, Sentinel, or Cluster.
 *
 * It opens a connection of its own at once, also when it is given a client, and closes that one alone. So a command
 * that blocks the application's connection never delays a check, and what the application sets on it does not matter.
 *
 * @example
 * new RedisTokenStore('redis://:password@localhost:6379/2')
 * new RedisTokenStore({ name: 'mymaster', sentinels: [{ host: 'sentinel-1', port: 26379 }] })
 * new RedisTokenStore(redis) // a Redis or a Cluster of ioredis
 */
export class RedisTokenStore implements TokenStore {
  readonly #connection: OwnConnection
  readonly #prefix: string
  /** Until then, by the monotonic clock, keys are read one by one. */
  #splitUntil = 0

  /** @throws TENANTRY_ERR_OPTIONS_INVALID */
  constructor(redis: RedisSource, options: RedisTokenStoreOptions = {}) {
    const { connection, prefix } = ownRedis(redis, options, 'tenantry')
    this.#connection = connection
    this.#prefix = prefix
  }

  read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    return this.#connection.ask((redis) => this.#read(redis, keys))
  }

  async write(key: TokenKey, token: Token): Promise<void> {
    await this.#connection.ask((redis) => this.#set(redis, key, token))
  }

  claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    return this.#connection.ask((redis) =>
      claimToken(key, newToken, {
        add: async (_, token) => (await this.#set(redis, key, token, 'NX')) !== null,
        read: async () => (await this.#read(redis, [key]))[0] as TokenAnswer,
      }),
    )
  }

  async touch(keys: readonly TokenKey[]): Promise<void> {
    await this.#connection.ask(async (redis) => {
      const pipeline = redis.pipeline()
      // Each by itself while the keys are in two places: of a pipeline, ioredis redirects all or nothing.
      const isSplit = performance.now() < this.#splitUntil
      const alone: Promise<unknown>[] = []
      for (const key of keys) {
        const lifetimeMs = tokenLifetimeMs(key)
        if (lifetimeMs === undefined) continue
        if (isSplit) alone.push(redis.pexpire(this.#name(key), lifetimeMs))
        else pipeline.pexpire(this.#name(key), lifetimeMs)
      }
      await Promise.all(alone)
      for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error
    })
  }

  /**
   * Ends the store's own connection, also while Redis is silent. Operations under way reject, and so does every later
   * one. May be called again.
   */
  close(): Promise<void> {
    return this.#connection.close()
  }

  /**
   * One `MGET`, however many keys: its callers read in batches, and a thousand keys keep Redis busy for less than a
   * millisecond.
   */
  async #read(redis: Redis | Cluster, keys: readonly TokenKey[]): Promise<TokenAnswer[]> {
    if (keys.length === 0) return []
    if (performance.now() < this.#splitUntil) return this.#readEach(redis, keys)
    let answers: TokenAnswer[]
    try {
      answers = await redis.mget(keys.map((key) => this.#name(key)))
    } catch (error) {
      if (!isSplit(error)) throw error
      this.#splitUntil = performance.now() + SPLIT_MS
      return this.#readEach(redis, keys)
    }
    if (answers.includes(null)) await this.#askAgain(redis, keys, answers)
    return answers
  }

  /** Not in a pipeline: each is redirected by itself. */
  #readEach(redis: Redis | Cluster, keys: readonly TokenKey[]): Promise<TokenAnswer[]> {
    return Promise.all(
      keys.map((key) => redis.get(this.#name(key)).catch((cause: Error) => noToken(key, cause))),
    )
  }

  /** `MGET` answers nil for a list as well; only `GET` tells what is absent from what is no token. */
  async #askAgain(redis: Redis | Cluster, keys: readonly TokenKey[], answers: TokenAnswer[]): Promise<void> {
    const pipeline = redis.pipeline()
    const asked = [...answers.keys()].filter((index) => answers[index] === null)
    for (const index of asked) pipeline.get(this.#name(keys[index] as TokenKey))
    const replies = (await pipeline.exec()) ?? []
    for (const [position, index] of asked.entries()) {
      const [cause, token] = replies[position] as [Error | null, string | null]
      answers[index] = cause === null ? token : noToken(keys[index] as TokenKey, cause)
    }
  }

  #set(redis: Redis | Cluster, key: TokenKey, token: Token, ...condition: 'NX'[]): Promise<unknown> {
    const lifetimeMs = tokenLifetimeMs(key)
    const expiry = lifetimeMs === undefined ? [] : ['PX', lifetimeMs]
    return redis.call('set', this.#name(key), token, ...expiry, ...condition)
  }

  #name(key: TokenKey): string {
    return this.#prefix + key
  }
}

/**
 * A slot of a Cluster is moving, and some of the keys that were asked for have moved: no node answers for all of them
 * (`TRYAGAIN`). ioredis tries one after the other, so that what it tells in the end may be where the last one sent it. It tells the same of nodes that send each other the
 * question, as in a failover: then the keys are asked for one by one in vain, for a second.
 */
function isSplit(error: unknown): boolean {
  return (error as Error).message.startsWith('Too many Cluster redirections')
}

/** The key holds something else. @throws any other error, which is not the key's own: nothing is known then */
function noToken(key: TokenKey, cause: Error): Error {
  if (!cause.message.startsWith('WRONGTYPE')) throw cause
  return new Error(`There is no token at ${key}`, { cause })
}
