import { AsyncResource } from 'node:async_hooks'
import type { Clock, Timer } from '../../src/clock.ts'

interface ManualTimer extends Timer {
  readonly at: number
  readonly run: () => void
}

/**
 * Time that stands still until it is told to pass, and turns of the event loop that end when they are told to. It
 * does not begin at 0, which lru-cache takes for "never".
 */
export class ManualClock implements Clock {
  #now = 1000
  #timers = new Set<ManualTimer>()
  #immediates: (() => void)[] = []

  now(): number {
    return this.#now
  }

  setTimeout(run: () => void, ms: number): Timer {
    // In the asynchronous context of whoever asked for it, as with Node's own.
    const timer: ManualTimer = {
      at: this.#now + ms,
      run: AsyncResource.bind(run),
      unref: () => timer,
    }
    this.#timers.add(timer)
    return timer
  }

  clearTimeout(timer: Timer): void {
    this.#timers.delete(timer as ManualTimer)
  }

  setImmediate(run: () => void): void {
    // Likewise.
    this.#immediates.push(AsyncResource.bind(run))
  }

  /** How many timers are under way. */
  get timers(): number {
    return this.#timers.size
  }

  /** Lets promises settle, then ends the turn, then lets promises settle again. */
  async turn(): Promise<void> {
    await settle()
    const due = this.#immediates
    this.#immediates = []
    for (const run of due) run()
    await settle()
  }

  /** Lets time pass: every timer that is due runs at its own time, in order, each in a turn of its own. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)
      if (next === undefined) break
      this.#now = Math.max(this.#now, next.at)
      this.#timers.delete(next)
      next.run()
      await this.turn()
    }
    this.#now = end
    await this.turn()
  }
}

/** Lets every promise that can settle without time or turns do so. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 20; round += 1) await new Promise<void>((resolve) => process.nextTick(resolve))
}
