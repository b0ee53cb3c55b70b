import { invalidOption } from './invalid-option.ts'

/** Memcached reads every larger number as a date: seconds since 1970. */
const MAX_LIFETIME_MS = 30 * 24 * 60 * 60 * 1000

/**
 * A lifetime as Memcached wants to be told it: in whole seconds, and 0 for one that does not end.
 *
 * @throws TENANTRY_ERR_OPTIONS_INVALID for one that Memcached would take for a date, or for none
 */
export function expirySeconds(lifetimeMs: number | undefined): number {
  if (lifetimeMs === undefined) return 0
  if (lifetimeMs > 0 && lifetimeMs <= MAX_LIFETIME_MS) return Math.ceil(lifetimeMs / 1000)
  throw invalidOption(
    `Expected a lifetime of more than 0 and at most ${MAX_LIFETIME_MS} ms (30 days), got ${lifetimeMs} ms`,
  )
}
