import { PGlite } from '@electric-sql/pglite'
import { Authority, type Database, pgliteDatabase } from '@tenantry/authority'

/** Faster than `truncate` where there is little. */
const EMPTY = `
delete from tenantry.tenants; delete from tenantry.hostnames;
delete from tenantry.restarts; delete from tenantry.current_restarts;
alter sequence tenantry.restart_ids restart;`

/** A Postgres in this process, with the authority's schema: one for all worlds, since it takes seconds to open. */
export class SharedDatabase {
  readonly database: Database
  readonly #db: PGlite

  private constructor(db: PGlite) {
    this.#db = db
    this.database = pgliteDatabase(db)
  }

  static async open(): Promise<SharedDatabase> {
    const shared = new SharedDatabase(await PGlite.create())
    await new Authority(shared.database).migrate()
    return shared
  }

  async empty(): Promise<void> {
    await this.#db.exec(EMPTY)
  }

  async close(): Promise<void> {
    await this.#db.close()
  }
}
