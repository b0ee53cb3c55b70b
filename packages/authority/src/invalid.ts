import { TenantryError } from '@tenantry/core'

/** What holds for every text: Postgres keeps no U+0000, and UTF-8 has no lone surrogates. */
export const TEXT_RULE: string = 'free of U+0000 and lone surrogates'

/** Whether Postgres can keep `text`, and gives it back as it is. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** @param got the value received, or what is wrong with it, as the message shows it */
export function invalid(field: string, expected: string, got: string): TenantryError {
  return new TenantryError('TENANTRY_ERR_TENANT_INVALID', {
    message: `Expected ${field} to be ${expected}, got ${got}`,
  })
}
