/** Milliseconds by a clock that is never set, and is the same in all threads: `performance.now()` is each one's own. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
