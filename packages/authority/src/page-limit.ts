import { TenantryError } from '@tenantry/core'

const MAX_LIMIT = 10_000

/** @throws TENANTRY_ERR_OPTIONS_INVALID */
export function pageLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit
  throw new TenantryError('TENANTRY_ERR_OPTIONS_INVALID', {
    message: `Expected limit to be a whole number from 1 to ${MAX_LIMIT}, got ${limit}`,
  })
}
