import { TenantryError } from '@tenantry/core'

/**
 * Classes of SQLSTATE that blame the statement: no other try and no other server would take it, so it is a mistake of
 * this package, or the schema is not there.
 */
const MISTAKES = new Set(['0A', '21', '22', '23', '2B', '34', '42', '44'])

/** Whatever else a driver throws: there is no connection, or the server cannot do its work just now. */
export function authorityError(error: unknown): unknown {
  if (MISTAKES.has(sqlState(error)?.slice(0, 2) ?? '')) return error
  return new TenantryError('TENANTRY_ERR_AUTHORITY_UNREACHABLE', { cause: error })
}

/** The server's code of an error; undefined where the error is not the server's: it may not be there at all. */
export function sqlState(error: unknown): string | undefined {
  // Node's errors have codes, too, and some have five letters; only the server's have a severity.
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && severity !== undefined ? code : undefined
}
