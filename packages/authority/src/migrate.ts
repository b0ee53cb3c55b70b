import { fileURLToPath } from 'node:url'
import { TenantryError } from '@tenantry/core'
import Postgrator from 'postgrator'
import type { Database } from './database.ts'
import { MIGRATIONS_LOCK } from './locks.ts'

/** @param target the version to stop at. Without it: the last one */
export async function migrate(database: Database, target?: string): Promise<void> {
  await database.transaction(async (sql) => {
    const { rows } = await sql.query<{ standby: boolean }>('select pg_is_in_recovery() as standby')
    if (rows[0]?.standby !== false) {
      throw new TenantryError('TENANTRY_ERR_OPTIONS_INVALID', {
        message: 'Expected the primary of a Postgres database, got a standby, which only reads',
      })
    }
    // Whoever waits for another process's migrations, or rewrites a large table, may take longer than a request.
    await sql.script(`set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0`)
    await sql.script(`select pg_advisory_xact_lock(${MIGRATIONS_LOCK})`)
    const postgrator = new Postgrator({
      driver: 'pg',
      schemaTable: 'tenantry.schema_version',
      migrationPattern: MIGRATION_FILES,
      newline: 'LF',
      execQuery: (text) => sql.query(text),
      execSqlScript: (text) => sql.script(text),
    })
    const migrations = await postgrator.getMigrations()
    // It would take no files for nothing to do.
    if (migrations.length === 0) throw new Error(`Expected migrations at ${MIGRATION_FILES}, found none`)
    await postgrator.migrate(target)
  })
}

/** A pattern of `glob`: what has a meaning in a pattern, and may be in the name of a directory, stands for itself. */
const MIGRATION_FILES: string = `${fileURLToPath(new URL('../migrations', import.meta.url))
  .replaceAll('\\', '/')
  .replace(/[*?()[\]]/g, '[$&]')}/*.sql`
