import { TenantryError } from '@tenantry/core'

export function invalidOption(message: string, cause?: unknown): TenantryError {
  return new TenantryError('TENANTRY_ERR_OPTIONS_INVALID', { message, ...(cause !== undefined && { cause }) })
}
