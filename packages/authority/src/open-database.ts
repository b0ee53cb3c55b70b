import { TenantryError } from '@tenantry/core'
import type { Database } from './database.ts'
import { pgDatabase, refuseStandby } from './pg-database.ts'
import { pgliteDatabase } from './pglite-database.ts'

/**
 * Opens a database: a Postgres server, or one in this process that is empty and kept in memory.
 *
 * A server is not asked before it is needed: it need not be there yet. Connections to one that only reads (a standby)
 * are refused, since what it does not know yet would be served as current.
 *
 * @param url `postgres://user:password@host:5432/database`, also with parameters such as `?sslmode=verify-full`; they
 *   come before what is set here. Undefined: PGlite, which takes some seconds and some hundred megabytes.
 * @throws TENANTRY_ERR_OPTIONS_INVALID when `url` is not the URL of a Postgres database
 */
export async function openDatabase(url: string | undefined): Promise<Database> {
  return url === undefined ? await openPglite() : await openPg(url)
}

async function openPg(url: string): Promise<Database> {
  refuseOtherUrls(url)
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'tenantry',
    max: 10,
    connectionTimeoutMillis: 2000,
    statement_timeout: 5000,
    // For a server that does not answer, not even that the time is up.
    query_timeout: 6000,
    // The reconciler waits for the token store within a transaction.
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
    verify: refuseStandby,
  })
  // An idle connection that dies is replaced when it is needed; without a listener, it would end the process.
  pool.on('error', () => {})
  let closing: Promise<void> | undefined
  return pgDatabase(pool, () => {
    closing ??= pool.end()
    return closing
  })
}

async function openPglite(): Promise<Database> {
  const { PGlite } = await import('@electric-sql/pglite')
  const db = await PGlite.create()
  let closing: Promise<void> | undefined
  return pgliteDatabase(db, () => {
    closing ??= db.close()
    return closing
  })
}

function refuseOtherUrls(url: string): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : 'no URL'
  if (protocol === 'postgres:' || protocol === 'postgresql:') return
  // Not the URL itself: it may hold a password.
  throw new TenantryError('TENANTRY_ERR_OPTIONS_INVALID', {
    message: `Expected the URL of a Postgres database (postgres://…), got ${protocol}`,
  })
}
