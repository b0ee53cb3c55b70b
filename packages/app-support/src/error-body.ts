import { TenantryError } from '@tenantry/core'
import type { FastifyError } from 'fastify'

/** What a stranger is told of an error: all of it. */
export interface ErrorBody {
  readonly statusCode: number
  readonly code: string
  readonly message: string
}

/**
 * What may be said of an error to a stranger. Undefined: nothing, it is a mistake of the app's own.
 *
 * Fastify's own refusals repeat what the stranger sent; any other error may say more than that.
 */
export function describeError(error: FastifyError | Error): ErrorBody | undefined {
  if (error instanceof TenantryError) {
    return { statusCode: error.statusCode, code: error.code, message: error.message }
  }
  const { statusCode = 500, code = '', message } = error as Partial<FastifyError> & Error
  return code.startsWith('FST_ERR_') && statusCode < 500 ? { statusCode, code, message } : undefined
}
