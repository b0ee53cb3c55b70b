import type { Clock } from '@tenantry/core'

/** Timers that run when they are told to. */
export class ManualTimers implements Clock {
  /** After how many milliseconds each timer under way is to run. */
  readonly waiting = new Map<object, { readonly ms: number; readonly run: () => void }>()

  now(): number {
    return 1000
  }

  setTimeout(run: () => void, ms: number): { unref(): unknown } {
    const timer = { unref: () => timer }
    this.waiting.set(timer, { ms, run })
    return timer
  }

  clearTimeout(timer: object): void {
    this.waiting.delete(timer)
  }

  setImmediate(run: () => void): void {
    setImmediate(run)
  }

  /** Runs the timers under way; those that are set meanwhile wait for the next call. */
  run(): void {
    for (const [timer, { run }] of [...this.waiting]) {
      this.waiting.delete(timer)
      run()
    }
  }
}
