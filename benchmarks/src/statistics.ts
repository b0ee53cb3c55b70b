/** The median; of an even count, the mean of the middle two. */
export function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = (sorted.length - 1) / 2
  return ((sorted[Math.floor(half)] ?? Number.NaN) + (sorted[Math.ceil(half)] ?? Number.NaN)) / 2
}

/**
 * The least value that is not exceeded by `share` of all (nearest rank).
 *
 * @param share more than 0, at most 1
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
}

/** Of several rounds: the median, the least and the most. */
export interface Spread {
  readonly middle: number
  readonly least: number
  readonly most: number
}

/** The ratios of `own` to `base`, paired by round: what slows a round down as a whole does not count. */
export function pairedRatios(own: readonly number[], base: readonly number[]): Spread {
  if (own.length !== base.length) {
    throw new Error(`Expected as many rounds as the base has, ${base.length}; got ${own.length}`)
  }
  const ratios = own.map((value, round) => value / (base[round] as number))
  return { middle: middle(ratios), least: Math.min(...ratios), most: Math.max(...ratios) }
}
