import type { PGlite, Transaction } from '@electric-sql/pglite'
import { authorityError } from './authority-error.ts'
import type { Database, Sql } from './database.ts'

/** A Postgres in this process, which stays its owner's. One statement or transaction runs at a time. */
export function pgliteDatabase(db: PGlite, close: () => Promise<void> = async () => {}): Database {
  return {
    ...sqlOn(db),

    async transaction(run) {
      let failed: { error: unknown } | undefined
      try {
        return await db.transaction((transaction) =>
          run(sqlOn(transaction)).catch((error) => {
            failed = { error }
            throw error
          }),
        )
      } catch (error) {
        // What `run` rejects with is its own matter.
        throw failed === undefined ? authorityError(error) : failed.error
      }
    },

    close,
  }
}

function sqlOn(db: PGlite | Transaction): Sql {
  function fail(error: unknown): never {
    throw authorityError(error)
  }

  return {
    async query<Row>(text: string, values: readonly unknown[] = []) {
      const { rows } = await db.query<Row>(text, values as unknown[]).catch(fail)
      return { rows }
    },

    async script(text) {
      await db.exec(text).catch(fail)
    },
  }
}
