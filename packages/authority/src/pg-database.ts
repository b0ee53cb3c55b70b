import { TenantryError } from '@tenantry/core'
import type { ClientBase, Pool, PoolClient } from 'pg'
import { authorityError, sqlState } from './authority-error.ts'
import type { Database, Sql } from './database.ts'

/** How long a script may take, in milliseconds: migrations rewrite whole tables, some day. */
const SCRIPT_TIMEOUT_MS = 3_600_000

/** A Postgres server, reached through a pool that stays its owner's. It must lead to the primary. */
export function pgDatabase(pool: Pool, close: () => Promise<void> = async () => {}): Database {
  return {
    ...sqlOn(pool),

    async transaction(run) {
      const client = await pool.connect().catch((error) => {
        throw authorityError(error)
      })
      return await runTransaction(client, run)
    },

    close,
  }
}

/** Refuses a server that only reads: it lags behind, and what it does not know yet would be served as current. */
export function refuseStandby(client: PoolClient, done: (error?: Error) => void): void {
  // The pool listens on idle clients only; without a listener, a connection that dies just now would end the process.
  const ignore = (): void => {}
  client.on('error', ignore)
  client.query<{ standby: boolean }>('select pg_is_in_recovery() as standby', (error, result) => {
    client.off('error', ignore)
    // Despite its type, it is undefined when there is none.
    if (error !== undefined && error !== null) return done(error)
    done(
      result.rows[0]?.standby === false ? undefined : new Error('The database is a standby: it only reads'),
    )
  })
}

async function runTransaction<Result>(
  client: PoolClient,
  run: (sql: Sql) => Promise<Result>,
): Promise<Result> {
  let isLost = false
  function onError(): void {
    isLost = true
  }
  // Nobody else listens while the client is not in the pool, and an error without a listener ends the process.
  client.on('error', onError)
  const sql = sqlOn(client, (error) => {
    if (sqlState(error) === undefined) isLost = true
  })

  async function rollBack(): Promise<void> {
    // What does not answer is not asked again: that would take another time limit.
    if (!isLost) await sql.query('rollback').catch(onError)
  }

  try {
    // Whatever the database's defaults are: who waits for a lock must see what was committed meanwhile.
    await sql.query('begin isolation level read committed')
    const result = await run(sql).catch(async (error) => {
      await rollBack()
      throw error
    })
    await commit(client).catch((error) => {
      onError()
      throw error
    })
    return result
  } finally {
    client.off('error', onError)
    // A connection in an unknown state is closed; the server then rolls back what is open.
    client.release(isLost)
  }
}

async function commit(client: PoolClient): Promise<void> {
  const { command } = await client.query('commit').catch((cause) => {
    throw new TenantryError('TENANTRY_ERR_AUTHORITY_UNREACHABLE', {
      message: 'The database did not confirm it: it may have been done or not',
      cause,
    })
  })
  // So the server answers where a statement has failed before, and its error was passed over.
  if (command !== 'COMMIT') throw new Error(`Expected the transaction to be committed, got ${command}`)
}

function sqlOn(client: Pool | ClientBase, onError: (error: unknown) => void = () => {}): Sql {
  function fail(error: unknown): never {
    onError(error)
    throw authorityError(error)
  }

  return {
    async query<Row>(text: string, values: readonly unknown[] = []) {
      const { rows } = await client.query(text, values as unknown[]).catch(fail)
      return { rows: rows as Row[] }
    },

    async script(text) {
      // Its types do not know that one statement may have a limit of its own.
      const script = { text, query_timeout: SCRIPT_TIMEOUT_MS }
      await client.query(script).catch(fail)
    },
  }
}
