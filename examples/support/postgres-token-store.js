// @ts-check
/**
 * A token store of one's own: tokens in Postgres, where there is no Redis and the load is light. `own-store.js` puts it to
 * the test. It needs this table:
 *
 *   create table tenantry_tokens (key text primary key, token bytea not null, expires_at timestamptz)
 *
 * Bytes, since every string is a token, and Postgres takes no text with a NUL in it: the suite has found that out.
 */
import { claimToken, tokenLifetimeMs } from '@tenantry/core'
import pg from 'pg'

const IN_FORCE = '(expires_at is null or expires_at > now())'
const EXPIRY = "now() + $3 * interval '1 ms'"

/** @typedef {import('@tenantry/core').TokenKey} TokenKey */
/** @typedef {import('@tenantry/core').TokenStore} TokenStore */

/** @implements {TokenStore} */
export class PostgresTokenStore {
  #database

  /** @param {string} url of the primary: a read replica may lag */
  constructor(url) {
    // Every operation ends by itself; and what is given up here is given up there, lest it be written later on.
    const limits = { connectionTimeoutMillis: 2000, query_timeout: 2000, statement_timeout: 2000 }
    this.#database = new pg.Pool({ connectionString: url, ...limits })
    // A connection that is lost while nobody uses it: the next operation opens another one.
    this.#database.on('error', () => {})
  }

  /** @param {readonly TokenKey[]} keys */
  async read(keys) {
    const { rows } = await this.#database.query(
      `select key, token from tenantry_tokens where key = any($1) and ${IN_FORCE}`,
      [keys],
    )
    const found = new Map(rows.map(({ key, token }) => [key, token.toString()]))
    return keys.map((key) => found.get(key) ?? null)
  }

  /** @param {TokenKey} key @param {string} token */
  async write(key, token) {
    await this.#database.query(
      `insert into tenantry_tokens (key, token, expires_at) values ($1, $2, ${EXPIRY})
       on conflict (key) do update set token = excluded.token, expires_at = excluded.expires_at`,
      [key, Buffer.from(token), tokenLifetimeMs(key)],
    )
  }

  /** @param {TokenKey} key @param {() => string} newToken */
  claim(key, newToken) {
    return claimToken(key, newToken, {
      add: async (key, token) => {
        const { rowCount } = await this.#database.query(
          `insert into tenantry_tokens (key, token, expires_at) values ($1, $2, ${EXPIRY})
           on conflict (key) do update set token = excluded.token, expires_at = excluded.expires_at
           where tenantry_tokens.expires_at <= now()`,
          [key, Buffer.from(token), tokenLifetimeMs(key)],
        )
        return rowCount === 1
      },
      read: async (key) => (await this.read([key]))[0] ?? null,
    })
  }

  /** @param {readonly TokenKey[]} keys */
  async touch(keys) {
    await this.#database.query(
      `update tenantry_tokens set expires_at = now() + lifetime_ms * interval '1 ms'
       from unnest($1::text[], $2::float8[]) as touched (key, lifetime_ms)
       where tenantry_tokens.key = touched.key and expires_at > now()`,
      [keys, keys.map((key) => tokenLifetimeMs(key))],
    )
  }

  async close() {
    if (!this.#database.ending) await this.#database.end()
  }
}
