import { AsyncResource } from 'node:async_hooks'
import type { Clock } from './clock.ts'
import { TenantryError } from './errors.ts'
import { Reading } from './reading.ts'
import type { Stamped } from './stamp.ts'
import { ALL, type Token, type TokenKey } from './token.ts'
import type { TokenStore } from './token-store.ts'

/** How far apart probes of an unreachable store are that fail at once, in milliseconds. */
const PROBE_PAUSE_MS = 50

export interface TokenReaderOptions {
  readonly store: TokenStore
  readonly newToken: () => Token
  readonly clock: Clock
  /** How long anybody waits for one operation of the store, in milliseconds. */
  readonly checkTimeoutMs: number
  /** Takes an answered reading in, late ones too, before those who wait for it go on. */
  readonly onAnswer: (reading: Reading) => void
  readonly onUnreachable: (cause: unknown) => void
  readonly onReachable: () => void
  /** Told how each claim and each touch went. */
  readonly onOutcome: (operation: 'claim' | 'touch', keys: readonly TokenKey[], error?: unknown) => void
}

/**
 * A replica's way to the token store. Many checks share one read, and none joins a read that is under way (R4); no
 * wait is longer than the time limit; and while the store is known to be unreachable nobody waits at all (G6).
 */
export class TokenReader {
  readonly #options: TokenReaderOptions
  readonly #clock: Clock
  /** The reading that this turn's checks join; sent when the turn ends. */
  #gathering: Reading | undefined
  #order = 0
  /** Where probes run: they outlive the request whose check found the store silent, and are nobody's. */
  readonly #probeContext = new AsyncResource('TenantryProbe')
  /** How to end each wait that is under way. */
  readonly #waits = new Set<() => void>()
  #unreachable = false
  #closed = false
  /** Clears the timer of the probe that is under way, or that of the pause before the next. */
  #stopProbing: () => void = () => {}

  constructor(options: TokenReaderOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  get reachable(): boolean {
    return !this.#unreachable
  }

  /** Asks for the tokens of `keys`. Undefined: the store is unreachable, so that there is nothing to wait for. */
  ask(keys: readonly TokenKey[]): Reading | undefined {
    if (this.#unreachable || this.#closed) return undefined
    let reading = this.#gathering
    if (reading === undefined) {
      reading = new Reading()
      this.#gathering = reading
      this.#clock.setImmediate(() => this.#send())
    }
    for (const key of keys) reading.add(key)
    return reading
  }

  /**
   * Initialises an absent token. What holds counts as asked for when the claim was.
   *
   * @throws TENANTRY_ERR_STORE_UNREACHABLE when the store refuses, or gives no answer in time
   */
  async claim(key: TokenKey): Promise<Stamped> {
    const { store, newToken } = this.#options
    const asked = this.#now()
    const token = await this.#carryOut('claim', [key], () => store.claim(key, newToken))
    return { token, ...asked }
  }

  /** Extends the lifetimes of tokens. It never rejects, but tells whether it went well. */
  touch(keys: readonly TokenKey[]): Promise<boolean> {
    return this.#carryOut('touch', keys, () => this.#options.store.touch(keys)).then(
      () => true,
      () => false,
    )
  }

  /** Ends all waits. Nothing is asked of the store from now on. */
  close(): void {
    this.#closed = true
    this.#stopProbing()
    this.#gathering?.settle()
    this.#endWaits()
  }

  #now(): { order: number; at: number } {
    this.#order += 1
    return { order: this.#order, at: this.#clock.now() }
  }

  #send(): void {
    const reading = this.#gathering
    this.#gathering = undefined
    if (reading === undefined) return
    if (this.#unreachable || this.#closed) {
      reading.settle()
      return
    }
    const { order, at } = this.#now()
    reading.order = order
    reading.at = at
    void this.#read(reading, this.#wait(reading.settle))
  }

  async #read(reading: Reading, endWait: () => boolean): Promise<void> {
    try {
      reading.fill(await this.#options.store.read(reading.keys()))
    } catch (error) {
      if (endWait()) this.#lose(error)
      reading.settle()
      return
    }
    // The answer is taken in before the wait ends, and also when it is late: it still tells what is outdated.
    if (!this.#closed) this.#options.onAnswer(reading)
    endWait()
    reading.settle()
  }

  /** Anything but a read. Rejects when the store refuses, gives no answer in time, or is not to be asked. */
  #carryOut<T>(operation: 'claim' | 'touch', keys: readonly TokenKey[], run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (cause?: unknown) => reject(new TenantryError('TENANTRY_ERR_STORE_UNREACHABLE', { cause }))
      if (this.#unreachable || this.#closed) return fail()
      const endWait = this.#wait(fail)
      const tell = (error?: unknown) => {
        endWait()
        if (!this.#closed) this.#options.onOutcome(operation, keys, error)
      }
      attempt(run).then(
        (result) => {
          tell()
          resolve(result)
        },
        (error: unknown) => {
          tell(error)
          fail(error)
        },
      )
    })
  }

  /**
   * Begins a wait for the store. When its time is up the store counts as unreachable, and this wait and all others
   * end by calling `giveUp`.
   *
   * @returns ends the wait; whether it was still under way
   */
  #wait(giveUp: () => void): () => boolean {
    const cancel = this.#afterSilence(() =>
      this.#lose(new Error(`The token store gave no answer within ${this.#options.checkTimeoutMs} ms`)),
    )
    const end = () => {
      cancel()
      giveUp()
    }
    this.#waits.add(end)
    return () => {
      cancel()
      return this.#waits.delete(end)
    }
  }

  /**
   * Runs `run` when `checkTimeoutMs` have passed, unless it is cancelled. When the event loop was held up, the timer
   * runs before what has arrived meanwhile is looked at; so one more turn is given, lest a busy replica accuse the
   * store.
   */
  #afterSilence(run: () => void): () => void {
    let cancelled = false
    const timer = this.#clock.setTimeout(() => {
      this.#clock.setImmediate(() => {
        if (!cancelled) run()
      })
    }, this.#options.checkTimeoutMs)
    timer.unref()
    return () => {
      cancelled = true
      this.#clock.clearTimeout(timer)
    }
  }

  #endWaits(): void {
    const waits = [...this.#waits]
    this.#waits.clear()
    for (const end of waits) end()
  }

  /** Told once: to begin with, all waits end, and only one that has not ended comes here. */
  #lose(cause: unknown): void {
    this.#unreachable = true
    this.#options.onUnreachable(cause)
    this.#endWaits()
    this.#probeContext.runInAsyncScope(() => this.#probe())
  }

  /** Keeps one probe under way until one is answered in time. A late answer does not count: the next probe's does. */
  #probe(): void {
    if (this.#closed) return
    let over = false
    const end = (): boolean => {
      const first = !over
      over = true
      cancel()
      return first && !this.#closed
    }
    const cancel = this.#afterSilence(() => {
      if (end()) this.#probe()
    })
    this.#stopProbing = cancel
    const reading = new Reading()
    reading.add(ALL)
    Object.assign(reading, this.#now())
    const fill = async () => reading.fill(await this.#options.store.read(reading.keys()))
    fill().then(
      () => {
        // Also when it is late: it still tells whether all tenants have been restarted.
        if (!this.#closed) this.#options.onAnswer(reading)
        if (!end()) return
        this.#unreachable = false
        this.#options.onReachable()
      },
      () => {
        if (!end()) return
        const pause = this.#clock.setTimeout(() => this.#probe(), PROBE_PAUSE_MS)
        pause.unref()
        this.#stopProbing = () => this.#clock.clearTimeout(pause)
      },
    )
  }
}

/** Calls a store, turning what it throws into a rejection. */
async function attempt<T>(operation: () => Promise<T>): Promise<T> {
  return operation()
}
