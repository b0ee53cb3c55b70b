// @ts-check
/**
 * A token store of one's own (`support/postgres-token-store.js`), put to the test. The tests are those of the contract,
 * which `@tenantry/core` brings along. They make a table `tenantry_tokens` and write over the tokens of all tenants: never
 * run them at a database in use.
 *
 *   DATABASE_URL=postgres://localhost/scratch node --test examples/own-store.js
 */
import test from 'node:test'
import { storeSuite } from '@tenantry/core/store-suite'
import pg from 'pg'
import { PostgresTokenStore } from './support/postgres-token-store.js'

const { DATABASE_URL } = process.env
if (DATABASE_URL === undefined) throw new Error('Expected DATABASE_URL to name a scratch database, got none')

const database = new pg.Pool({ connectionString: DATABASE_URL })
test.before(async () => {
  await database.query(
    'create table if not exists tenantry_tokens (key text primary key, token bytea not null, expires_at timestamptz)',
  )
})
test.after(() => database.end())

storeSuite({
  test,
  create: () => new PostgresTokenStore(DATABASE_URL),
  age: (keys, ms) =>
    database.query(
      "update tenantry_tokens set expires_at = expires_at - $2 * interval '1 ms' where key = any($1)",
      [keys, ms],
    ),
  lifetimesOf: async (keys) => {
    const { rows } = await database.query(
      'select key, extract(epoch from expires_at - now()) * 1000 as ms from tenantry_tokens where key = any($1)',
      [keys],
    )
    const found = new Map(rows.map(({ key, ms }) => [key, ms]))
    return keys.map((key) => (found.get(key) === null ? undefined : Number(found.get(key))))
  },
  // Whoever asks while the table is locked is not answered.
  silence: async () => {
    const client = await database.connect()
    await client.query('begin; lock table tenantry_tokens')
    return async () => {
      await client.query('rollback')
      client.release()
    }
  },
})
