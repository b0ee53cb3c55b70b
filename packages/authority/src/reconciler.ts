import { EventEmitter } from 'node:events'
import {
  type Clock,
  systemClock,
  type Timer,
  type TokenAnswer,
  type TokenKey,
  type TokenStore,
} from '@tenantry/core'
import type { Authority } from './authority.ts'
import { type Place, type RestartLedger, START } from './restart-ledger.ts'
import { settleRestarts } from './settle-restarts.ts'
import type { Failure } from './write-restarts.ts'

export interface ReconcilerOptions {
  /** Stays yours to close. */
  readonly authority: Authority
  /** The store that the replicas read. It stays yours to close. */
  readonly tokens: TokenStore
  /** How long after one look the next one is taken, in milliseconds. @default 1000 */
  readonly everyMs?: number
  /** @default Node's own */
  readonly clock?: Clock
}

export interface ReconcilerEvents {
  /** A restart was written, since the store held something else: nothing, another token, or what is none. */
  rewritten: [{ key: TokenKey; id: string; found: TokenAnswer }]
  /** The token store or the authority began to fail. */
  failed: [{ error: unknown }]
  /** They answer again. */
  recovered: []
}

/** What became of one look: another reconciler may have been at it. */
export type Look = 'done' | 'elsewhere' | 'failed'

/** How many token keys are looked at in one transaction. */
const BATCH = 500

/** How often all keys are looked at; in between, only those with a restart that is not known to be written. */
const FULL_EVERY = 10

/**
 * Sees that the token store holds what the authority has committed: after a crash between the two, after the store has
 * come back empty or with an old state, and over whatever was claimed or set by hand meanwhile.
 *
 * Run one in every tenant manager; of all of them one acts at a time. What it writes is a new token each time: at worst
 * a tenant is rebuilt once more.
 */
export class Reconciler extends EventEmitter<ReconcilerEvents> {
  readonly #authority: Authority
  readonly #tokens: TokenStore
  readonly #everyMs: number
  readonly #clock: Clock
  #timer: Timer | undefined
  #look: Promise<unknown> = Promise.resolve()
  #isClosed = false
  #isFailing = false
  /** How many more looks until a full one. */
  #untilFull = 0
  /** The last restart id at the look before: what is unwritten since then is still being written by others. */
  #seen = '0'

  constructor({ authority, tokens, everyMs = 1000, clock = systemClock }: ReconcilerOptions) {
    super()
    this.#authority = authority
    this.#tokens = tokens
    this.#everyMs = everyMs
    this.#clock = clock
  }

  /** Looks at once, and then again and again, until {@link close}. */
  start(): void {
    if (this.#timer === undefined) this.#schedule(0)
  }

  /** Looks once; after the look that is under way, if there is one. Never rejects. */
  runOnce(): Promise<Look> {
    const look = this.#look.then(() => this.#run())
    this.#look = look
    return look
  }

  /** Ends it, and waits for the look that is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    await this.#look
  }

  #schedule(ms: number): void {
    if (this.#isClosed) return
    const lookAndSchedule = (): void => {
      this.runOnce().then(() => this.#schedule(this.#everyMs))
    }
    this.#timer = this.#clock.setTimeout(lookAndSchedule, ms)
    this.#timer.unref()
  }

  async #run(): Promise<Look> {
    if (this.#isClosed) return 'elsewhere'
    const isFull = this.#untilFull === 0
    try {
      const isDone = await this.#lookThrough(isFull)
      // A look that another one has kept from its end is not finished, and is taken again.
      if (!isDone) return 'elsewhere'
    } catch (error) {
      this.#untilFull = 0
      if (!this.#isFailing) this.emit('failed', { error })
      this.#isFailing = true
      return 'failed'
    }
    this.#untilFull = isFull ? FULL_EVERY - 1 : this.#untilFull - 1
    if (this.#isFailing) this.emit('recovered')
    this.#isFailing = false
    return 'done'
  }

  /** Goes through the keys in batches; false: another reconciler is at it, or this one is closing. */
  async #lookThrough(isFull: boolean): Promise<boolean> {
    let place: Place | undefined = START
    let lastId: string | undefined
    let failure: Failure | undefined

    const lookAtBatch = async (ledger: RestartLedger): Promise<void> => {
      lastId ??= await ledger.lastId()
      const unwrittenUpTo = isFull ? undefined : this.#seen
      const restarts = await ledger.currentRestarts({ after: place ?? START, limit: BATCH, unwrittenUpTo })
      failure = await settleRestarts(restarts, {
        tokens: this.#tokens,
        markWritten: (written) => ledger.markWritten(written),
        onRewritten: ({ key, id }, found) => this.emit('rewritten', { key, id, found }),
      })
      place = restarts.length < BATCH ? undefined : restarts.at(-1)
    }

    while (place !== undefined) {
      if (this.#isClosed || !(await this.#authority.reconcile(lookAtBatch))) return false
      // Only now: what has been noted until the store failed is committed.
      if (failure !== undefined) throw (failure as Failure).error
    }
    this.#seen = lastId ?? this.#seen
    return true
  }
}
