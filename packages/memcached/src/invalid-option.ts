import { TenantryError } from '@tenantry/core'

export function invalidOption(message: string): TenantryError {
  return new TenantryError('TENANTRY_ERR_OPTIONS_INVALID', { message })
}
