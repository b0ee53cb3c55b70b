import { AsyncResource } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { type Clock, systemClock, type Timer } from './clock.ts'
import { guarded } from './guarded.ts'
import { HeartbeatNews, type HeartbeatPool } from './heartbeat-news.ts'
import { HEARTBEAT_LIFETIME_MS, type HeartbeatStore } from './heartbeat-store.ts'
import { invalid, mustBeInteger } from './pool-options.ts'

export interface HeartbeatOptions {
  /** The pool to tell of. It stays yours to close, after the heartbeat: a pool that is closed tells nothing more. */
  pool: HeartbeatPool

  /** Where to tell it. It stays yours to close, after the heartbeat. */
  store: HeartbeatStore

  /**
   * What the replica is called: a name of its own for every process, not an address. Printable, and at most 128
   * characters.
   */
  replica: string

  /** At most one beat in so many milliseconds, however much happens. @default 1000 */
  everyMs?: number

  /** Time; for tests and simulations. @default Node's own */
  clock?: Clock
}

/** What a heartbeat tells of itself. */
export interface HeartbeatEvents {
  /** The store begins not to take beats in. Nothing but the report of this replica suffers. */
  failed: [{ error: unknown }]
  /** The store takes beats in again. */
  recovered: [{ afterMs: number }]
}

/** A beat that has nothing to tell keeps the report alive; of three, two may be lost. */
const KEEP_ALIVE_MS = HEARTBEAT_LIFETIME_MS / 3

/** How long to wait for what comes along with a change: a tenant that is replaced is built again in a moment. */
const GATHER_MS = 50

/** How long `close` takes at most: a report that nobody took back is forgotten before long. */
const CLOSE_TIMEOUT_MS = 1000

const PRINTABLE = /^\P{Cc}{1,128}$/u

/**
 * Tells what a pool holds, and which tenants it could not build: first all of it, then what has changed. No request
 * waits for it, and however the store fails, the pool does not notice.
 *
 * @example
 * const heartbeat = new Heartbeat({ pool, store: new RedisHeartbeats('redis://localhost'), replica: 'web-7f9c' })
 */
export class Heartbeat extends EventEmitter<HeartbeatEvents> {
  readonly #store: HeartbeatStore
  readonly #replica: string
  readonly #everyMs: number
  readonly #clock: Clock
  readonly #startedAt = new Date()
  readonly #news: HeartbeatNews
  /** Where beats run: they tell of many requests, and are nobody's. */
  readonly #context = new AsyncResource('TenantryHeartbeat')
  #timer: Timer | undefined
  /** When the last beat began. */
  #beganAt = Number.NEGATIVE_INFINITY
  #failingSince: number | undefined
  #underWay: Promise<void> | undefined
  #closed: Promise<void> | undefined

  /** @throws TENANTRY_ERR_OPTIONS_INVALID */
  constructor({ pool, store, replica, everyMs = 1000, clock = systemClock }: HeartbeatOptions) {
    super()
    if (typeof pool?.heldOf !== 'function') throw invalid('`pool`', 'a tenant pool', pool)
    if (typeof store?.beat !== 'function') throw invalid('`store`', 'a heartbeat store', store)
    if (typeof replica !== 'string' || !PRINTABLE.test(replica) || !replica.isWellFormed()) {
      throw invalid('`replica`', 'a name of 1 to 128 printable characters', replica)
    }
    mustBeInteger('everyMs', everyMs, [1, Math.floor(KEEP_ALIVE_MS)])
    this.#store = store
    this.#replica = replica
    this.#everyMs = everyMs
    this.#clock = clock
    this.#news = new HeartbeatNews(pool, () => this.#plan())
    this.#plan()
  }

  /**
   * Stops, and takes the report back, so that nobody waits for a replica that is gone. It does not reject, and takes a
   * second at most. Calling it again returns the same promise.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#news.stop()
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(resolve, CLOSE_TIMEOUT_MS)
      const left = this.#leave().finally(() => this.#clock.clearTimeout(timer))
      left.then(resolve, () => resolve())
    })
  }

  /** Not before the beat that is under way, which might come after the goodbye otherwise. */
  async #leave(): Promise<void> {
    await this.#underWay
    await this.#store.leave(this.#replica)
  }

  /** Sets the time of the next beat. While one is under way its end does so. */
  #plan(): void {
    if (this.#closed !== undefined || this.#underWay !== undefined) return
    const now = this.#clock.now()
    const soon = this.#news.any || this.#failingSince !== undefined
    const earliest = this.#beganAt + (soon ? this.#everyMs : KEEP_ALIVE_MS)
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    const begin = () => this.#context.runInAsyncScope(() => this.#begin())
    this.#timer = this.#clock.setTimeout(begin, Math.max(earliest - now, GATHER_MS))
    this.#timer.unref()
  }

  #begin(): void {
    this.#beganAt = this.#clock.now()
    this.#underWay = this.#beat().finally(() => {
      this.#underWay = undefined
      this.#plan()
    })
  }

  async #beat(): Promise<void> {
    const news = this.#news.take()
    try {
      const known = await this.#store.beat({ replica: this.#replica, startedAt: this.#startedAt, ...news })
      if (!known) this.#news.tellAll()
      this.#onTakenIn()
    } catch (error) {
      this.#news.giveBack(news)
      this.#onFailed(error)
    }
  }

  #onFailed(error: unknown): void {
    if (this.#failingSince !== undefined) return
    this.#failingSince = this.#beganAt
    guarded(() => this.emit('failed', { error }))
  }

  #onTakenIn(): void {
    if (this.#failingSince === undefined) return
    const afterMs = this.#clock.now() - this.#failingSince
    this.#failingSince = undefined
    guarded(() => this.emit('recovered', { afterMs }))
  }
}
