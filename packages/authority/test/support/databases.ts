import { PGlite } from '@electric-sql/pglite'
import { startPostgres } from '@tenantry/testing'
import type { Test } from 'tap'
import { Authority, type Database, openDatabase, pgliteDatabase } from '../../src/index.ts'

interface Opened {
  readonly authority: Authority
  readonly database: Database
}

/** Opens an authority without tenants. It is closed with the test, and so is what it stands on. */
export type Open = (t: Test) => Promise<Opened>

/** Runs the same tests on a Postgres server and on PGlite: the same SQL has to do for both. */
export async function onEachDatabase(t: Test, tests: (t: Test, open: Open) => Promise<void>): Promise<void> {
  await t.test('on a Postgres server', async (t) => {
    const server = await startPostgres()
    t.teardown(() => server.stop())
    await tests(t, async (t) => {
      const database = await openDatabase(await server.newDatabase())
      t.teardown(() => database.close())
      return await migrated(database)
    })
  })

  await t.test('on PGlite', async (t) => {
    // One for all tests: it takes seconds to open.
    const db = await PGlite.create()
    t.teardown(() => db.close())
    await tests(t, async () => {
      await db.exec('drop schema if exists tenantry cascade')
      return await migrated(pgliteDatabase(db))
    })
  })
}

async function migrated(database: Database): Promise<Opened> {
  const authority = new Authority(database)
  await authority.migrate()
  return { authority, database }
}
