/** Time, and turns of the event loop: Node's by default; tests and simulations bring their own. */
export interface Clock {
  /** Milliseconds on a monotonic clock. */
  now(): number
  setTimeout(run: () => void, ms: number): Timer
  clearTimeout(timer: Timer): void
  /** Runs `run` at the end of this turn of the event loop: after all that has arrived has been looked at. */
  setImmediate(run: () => void): void
}

/** What `setTimeout` returned. */
export interface Timer {
  /** Lets the process end while the timer is under way. */
  unref(): unknown
}

/** Node's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
  setImmediate: (run) => {
    setImmediate(run)
  },
}
