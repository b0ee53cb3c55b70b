import { TenantryError } from '../errors.ts'

/** What to answer in `Retry-After`; undefined where trying again is of no use, or nobody knows. */
export function retryAfterSeconds(error: unknown): number | undefined {
  if (!(error instanceof TenantryError) || error.retryAfterMs === undefined) return undefined
  return Math.max(1, Math.ceil(error.retryAfterMs / 1000))
}
