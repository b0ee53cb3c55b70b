import type { Cluster, Redis } from 'ioredis'

/** What the store asks of its connection. */
type Operation<T> = (redis: Redis | Cluster) => Promise<T>

/** How long to wait for the end of a connection that has nothing left to end, in milliseconds. */
const CLOSE_TIMEOUT_MS = 200

/** How long to rest before a client that has given up is made to go on, in milliseconds. */
const REVIVE_MS = 100

/**
 * A connection that only the store uses: it gives every operation a time limit, and nothing waits for Redis but the
 * first operations of a fresh server.
 */
export class OwnConnection {
  readonly #redis: Redis | Cluster
  readonly #timeoutMs: number
  /** Operations that wait for the first connection; undefined once that has come. */
  #waiting: Set<() => void> | undefined = new Set()
  /** What has gone wrong since the connection was last up. */
  #trouble: Error | undefined
  #isClosed = false
  #closing: Promise<void> | undefined

  constructor(redis: Redis | Cluster, timeoutMs: number) {
    this.#redis = redis
    this.#timeoutMs = timeoutMs
    // Also keeps errors that nobody asked for from ending the process.
    redis.on('error', (error: Error) => {
      this.#trouble = error
    })
    redis.on('ready', () => {
      this.#trouble = undefined
      this.#beginWaiting()
    })
    // ioredis gives up for good when Sentinel tells of a failover while it asks Sentinel for the master.
    redis.on('end', () => {
      if (!this.#isClosed) setTimeout(() => this.#revive(), REVIVE_MS)
    })
  }

  /**
   * Runs `operation`. What was asked for before the first connection is up waits for it; after that, what is asked
   * for while there is no connection is rejected at once.
   *
   * @throws when Redis has not answered in time, or the connection closes meanwhile; the outcome is unknown then
   */
  ask<T>(operation: Operation<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting?.delete(begin)
        reject(new Error(`Redis did not answer within ${this.#timeoutMs} ms`, { cause: this.#trouble }))
      }, this.#timeoutMs)
      const succeed = (answer: T) => {
        clearTimeout(timer)
        resolve(answer)
      }
      const fail = (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      }
      // Not resolve(run()): a promise that follows another can no longer be rejected, and there would be no limit.
      const begin = () => void this.#run(operation).then(succeed, fail)
      if (this.#waiting === undefined) begin()
      else this.#waiting.add(begin)
    })
  }

  /** Ends the connection, whether or not Redis answers. Operations under way reject. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#closing ??= new Promise<void>((resolve) => {
      // ioredis does not tell the end when it is between two attempts to connect.
      const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)
      this.#redis.once('end', () => {
        clearTimeout(timer)
        resolve()
      })
      this.#redis.disconnect()
    })
    this.#beginWaiting()
    return this.#closing
  }

  #revive(): void {
    // It may have been made to go on by somebody else. What it meets with is told by its events.
    if (!this.#isClosed && this.#redis.status === 'end') this.#redis.connect().catch(() => {})
  }

  #beginWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    for (const begin of waiting ?? []) begin()
  }

  async #run<T>(operation: Operation<T>): Promise<T> {
    if (this.#isClosed) throw new Error('This store is closed')
    if (this.#redis.status !== 'ready') {
      throw new Error('There is no connection to Redis', { cause: this.#trouble })
    }
    try {
      return await operation(this.#redis)
    } catch (error) {
      if ((error as Error).name !== 'MaxRetriesPerRequestError') throw error
      // So ioredis says it, but there was no retry, and must not be.
      throw new Error('The connection to Redis closed before the answer came', {
        cause: this.#trouble ?? error,
      })
    }
  }
}
