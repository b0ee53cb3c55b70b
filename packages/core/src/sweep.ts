import type { Clock, Timer } from './clock.ts'
import type { PooledTenant } from './lease.ts'
import { ALL, TOKEN_LIFETIME_MS } from './token.ts'
import type { TokenReader } from './token-reader.ts'

/** How many tenants one read, or one touch, of the sweep asks for. */
const BATCH = 500

/** A tenant's token is touched at most once in this time, in milliseconds. */
const TOUCH_EVERY_MS = TOKEN_LIFETIME_MS / 10

export interface SweepOptions {
  readonly reader: TokenReader
  readonly clock: Clock
  readonly sweepMs: number
  /** The tenants in the pool. */
  readonly tenants: () => Iterable<PooledTenant<unknown>>
}

/**
 * Checks, every `sweepMs`, the tenants that no request has checked of late, so that a replica without traffic takes
 * restarts up too, and nothing old lies in wait for the day the store fails; and keeps the tokens of the tenants in
 * use from expiring. What the answers mean is the pool's business.
 */
export class Sweep {
  readonly #options: SweepOptions
  #timer: Timer | undefined
  #stopped = false

  constructor(options: SweepOptions) {
    this.#options = options
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#stopped) return
    this.#timer = this.#options.clock.setTimeout(
      () => this.#sweep().finally(() => this.#schedule()),
      this.#options.sweepMs,
    )
    this.#timer.unref()
  }

  async #sweep(): Promise<void> {
    const { reader, clock, sweepMs, tenants } = this.#options
    // Half an interval: nothing that is held goes without a check for longer than one and a half.
    const since = clock.now() - sweepMs / 2
    const unchecked = [...tenants()].filter((tenant) => tenant.checkedAt <= since)
    for (const batch of batches(unchecked)) {
      const reading = reader.ask([...batch.map((tenant) => tenant.key), ALL])
      await reading?.settled
    }

    // Whatever is still in the pool, and was checked since, stood.
    const dueAt = clock.now() - TOUCH_EVERY_MS
    const due = [...tenants()].filter((tenant) => tenant.checkedAt > since && tenant.touchedAt <= dueAt)
    for (const batch of batches(due)) {
      const touched = await reader.touch(batch.map((tenant) => tenant.key))
      if (touched) for (const tenant of batch) tenant.touchedAt = clock.now()
    }
  }
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += BATCH) yield items.slice(start, start + BATCH)
}
