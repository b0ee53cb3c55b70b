import type { Clock } from '@tenantry/core'

interface PoolTimer {
  readonly at: number
  readonly run: () => void
  unref(): unknown
}

/** Time that passes when it is told to. */
export class PoolClock implements Clock {
  #now = 0
  readonly #timers = new Set<PoolTimer>()

  now(): number {
    return this.#now
  }

  setTimeout(run: () => void, ms: number): PoolTimer {
    const timer: PoolTimer = { at: this.#now + ms, run, unref: () => timer }
    this.#timers.add(timer)
    return timer
  }

  clearTimeout(timer: PoolTimer): void {
    this.#timers.delete(timer)
  }

  setImmediate(run: () => void): void {
    setImmediate(run)
  }

  advance(ms: number): void {
    this.#now += ms
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#now || !this.#timers.delete(timer)) continue
      timer.run()
    }
  }
}
