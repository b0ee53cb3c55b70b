import type { Spread } from './results.ts'

/** Of a few thousand values, exactly: each percentile is the smallest value that so many do not exceed. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort()
  const percentile = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
  return { count: sorted.length, p50: percentile(0.5), p99: percentile(0.99), max: percentile(1) }
}
