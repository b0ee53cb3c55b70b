import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { Latency, Moment } from './results.ts'

/** Latencies are kept in whole microseconds, of three digits. The longest is far above the driver's time limit. */
const HISTOGRAM = { lowest: 1, highest: 600_000_000, figures: 3 }

/** What happened, second by second. Times are milliseconds from the beginning of the run. */
export class Timeline {
  /** Of the seconds that are over. */
  readonly #all = createHistogram(HISTOGRAM)
  readonly #second = createHistogram(HISTOGRAM)
  readonly #moments: Moment[] = []
  #counts = newCounts()

  /** @param latencyMs undefined: not one that tells anything */
  request(at: number, latencyMs: number | undefined): void {
    this.advance(at)
    this.#counts.requests += 1
    if (latencyMs !== undefined) this.#second.record(Math.max(1, Math.round(1000 * latencyMs)))
  }

  count(what: 'failed' | 'stale' | 'allowedOld' | 'restarts'): void {
    this.#counts[what] += 1
  }

  /** An old answer that came at `at` has turned out to be allowed. */
  allow(at: number): void {
    const index = Math.floor(at / 1000)
    const moment = this.#moments[index]
    if (moment === undefined) return
    this.#moments[index] = { ...moment, stale: moment.stale - 1, allowedOld: moment.allowedOld + 1 }
  }

  /** Closes the seconds that are over at `at`. */
  advance(at: number): void {
    while (at >= 1000 * (this.#moments.length + 1)) this.#closeSecond()
  }

  /** Whole seconds. A last one that is not over is left out: it would look like a slump. */
  moments(): readonly Moment[] {
    return this.#moments
  }

  /** Of all that has been answered so far. */
  latency(): Latency {
    const all = createHistogram(HISTOGRAM)
    all.add(this.#all)
    all.add(this.#second)
    const { mean, max, count } = all
    if (count === 0) return { mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 }
    const ms = (share: number) => percentileMs(all, share)
    return { mean: mean / 1000, p50: ms(50), p90: ms(90), p99: ms(99), p999: ms(99.9), max: max / 1000 }
  }

  #closeSecond(): void {
    const isEmpty = this.#second.count === 0
    this.#moments.push({
      at: this.#moments.length + 1,
      ...this.#counts,
      p50: isEmpty ? null : percentileMs(this.#second, 50),
      p99: isEmpty ? null : percentileMs(this.#second, 99),
    })
    this.#counts = newCounts()
    if (isEmpty) return
    this.#all.add(this.#second)
    this.#second.reset()
  }
}

function newCounts(): {
  requests: number
  failed: number
  stale: number
  allowedOld: number
  restarts: number
} {
  return { requests: 0, failed: 0, stale: 0, allowedOld: 0, restarts: 0 }
}

function percentileMs(histogram: RecordableHistogram, share: number): number {
  return histogram.percentile(share) / 1000
}
