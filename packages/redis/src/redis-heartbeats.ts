import { randomBytes } from 'node:crypto'
import { type Beat, HEARTBEAT_LIFETIME_MS, type HeartbeatStore, type ReplicaReport } from '@tenantry/core'
import type { ChainableCommander } from 'ioredis'
import { BEAT_SCRIPT } from './heartbeat-script.ts'
import type { OwnConnection } from './own-connection.ts'
import { ownRedis } from './own-redis.ts'
import type { RedisSource } from './redis-source.ts'
import { contentOf, META, parseHash, type ReplicaHash } from './replica-hash.ts'

export interface RedisHeartbeatsOptions {
  /**
   * What the names of all keys begin with. In a Cluster it must hold a hash tag. The `keyPrefix` of a client that the
   * store was given does not count.
   *
   * @default 'tenantry-heartbeat:', and '{tenantry-heartbeat}:' in a Cluster
   */
  prefix?: string

  /** How long one exchange with Redis may take, in milliseconds. @default 1000 */
  commandTimeoutMs?: number
}

/** So many reports are read at a time: no exchange is so large that it takes long. */
const BATCH = 10

/**
 * Heartbeats on Redis 6.2 or later, or Valkey: a single server, Sentinel, or Cluster. Like the token store it works on
 * a connection of its own.
 *
 * @example
 * new RedisHeartbeats('redis://localhost')
 */
export class RedisHeartbeats implements HeartbeatStore {
  readonly #connection: OwnConnection
  readonly #prefix: string
  /** Tells this store's beats from those of another one. */
  readonly #writer = randomBytes(9).toString('base64url')
  #beats = 0
  /** What was last read, by replica. */
  #read: ReadonlyMap<string, ReplicaHash> = new Map()

  /** @throws TENANTRY_ERR_OPTIONS_INVALID */
  constructor(redis: RedisSource, options: RedisHeartbeatsOptions = {}) {
    const { connection, prefix } = ownRedis(redis, options, 'tenantry-heartbeat')
    this.#connection = connection
    this.#prefix = prefix
  }

  /** One command, of what has changed. */
  async beat({ replica, startedAt, reports, gone, whole }: Beat): Promise<boolean> {
    this.#beats += 1
    const fields = Array.from(reports, ([id, report]) => [id, JSON.stringify(report)]).flat()
    const about = [replica, HEARTBEAT_LIFETIME_MS, startedAt.getTime(), this.#writer, this.#beats]
    const args = [...about, whole ? 1 : 0, fields.length, ...fields, ...gone].map(String)
    const keys = [this.#hash(replica), this.#names]
    const known = await this.#connection.ask((redis) =>
      redis.call('eval', BEAT_SCRIPT, '2', ...keys, ...args),
    )
    return known === 1
  }

  async leave(replica: string): Promise<void> {
    await this.#ask((pipeline) => pipeline.zrem(this.#names, replica).del(this.#hash(replica)))
  }

  /** Of a replica that has told nothing new since this store has last read, one field is read. */
  async read(): Promise<readonly ReplicaReport[]> {
    const names = await this.#connection.ask(
      (redis) => redis.call('zrange', this.#names, '0', '-1') as Promise<string[]>,
    )
    const before = this.#read
    const contents = await this.#contents(names)
    const changed = names.filter((name) => {
      const content = contents.get(name)
      return content !== undefined && content !== before.get(name)?.content
    })
    const read = new Map([...before].filter(([name, { content }]) => content === contents.get(name)))
    for (let start = 0; start < changed.length; start += BATCH) {
      const batch = changed.slice(start, start + BATCH)
      const hashes = await this.#ask((pipeline) =>
        batch.reduce((pipeline, name) => pipeline.hgetall(this.#hash(name)), pipeline),
      )
      for (const [index, name] of batch.entries()) {
        const hash = parseHash(name, hashes[index] as Record<string, string> | null, before.get(name))
        if (hash !== undefined) read.set(name, hash)
      }
    }
    this.#read = read
    return [...read.keys()].sort().map((name) => (read.get(name) as ReplicaHash).report)
  }

  /** Ends the store's own connection, also while Redis is silent. May be called again. */
  close(): Promise<void> {
    return this.#connection.close()
  }

  /** Which beat was the last that changed anything, of each replica that is alive. */
  async #contents(names: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    const metas = await this.#ask((pipeline) =>
      names.reduce((pipeline, name) => pipeline.hget(this.#hash(name), META), pipeline),
    )
    return new Map(names.map((name, index) => [name, contentOf(metas[index] as string | null)]))
  }

  /** Sends commands together. What is kept at a key by somebody else is answered with null. */
  async #ask(fill: (pipeline: ChainableCommander) => ChainableCommander): Promise<unknown[]> {
    const answers = await this.#connection.ask((redis) => fill(redis.pipeline()).exec())
    return (answers ?? []).map(([error, answer]) => {
      if (error === null) return answer
      if (error.message.startsWith('WRONGTYPE')) return null
      throw error
    })
  }

  get #names(): string {
    return `${this.#prefix}replicas`
  }

  #hash(replica: string): string {
    return `${this.#prefix}replica:${replica}`
  }
}
