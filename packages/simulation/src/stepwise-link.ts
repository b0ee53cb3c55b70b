import type { Database, Sql } from '@tenantry/authority'
import { DatabaseLink, summary } from './database-link.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

/** Who is reconciling just now: the advisory lock of which there is one. */
export class ReconcilerLock {
  holder: StepwiseLink | undefined
}

/**
 * A reconciler's way to the database. Its transactions ask the token store in between, so that each statement is a step
 * of its own. There is one connection, on which changes are committed meanwhile: so each statement commits by itself,
 * and what a transaction that is not committed has marked as written is unmarked again. Others cannot tell the
 * difference: they skip rows that are marked as they skip rows that are locked.
 */
export class StepwiseLink extends DatabaseLink {
  readonly #lock: ReconcilerLock
  readonly #marked = new Set<string>()

  constructor(world: World, process: Process, database: Database, lock: ReconcilerLock) {
    super(world, process, database, async () => {})
    this.#lock = lock
  }

  override async transaction<Result>(run: (sql: Sql) => Promise<Result>): Promise<Result> {
    const sql: Sql = {
      query: (text, values) => this.perform(`asks ${summary(text)}`, () => this.#query(text, values)),
      script: (text) => this.database.script(text),
    }
    try {
      const result = await run(sql)
      await this.perform('commits', async () => this.#end())
      return result
    } catch (error) {
      await this.#isRolledBack()
      throw error
    }
  }

  /** As the server does when the connection is gone. */
  async rollBack(): Promise<void> {
    const ids = [...this.#marked]
    this.#end()
    if (ids.length === 0) return
    await this.database.query(
      'update tenantry.restarts set written_at = null where id in (select jsonb_array_elements_text($1::text::jsonb)::bigint)',
      [JSON.stringify(ids)],
    )
  }

  /** When the connection is lost, the server does it. */
  #isRolledBack(): Promise<void> {
    return new Promise((resolve) => {
      const { schedule } = this.world
      const label = `database: rolls back what ${this.process.name} has done`
      schedule.later({ label, to: this.process, run: () => this.rollBack().then(resolve) })
    })
  }

  #end(): void {
    this.#marked.clear()
    if (this.#lock.holder === this) this.#lock.holder = undefined
  }

  async #query<Row>(text: string, values?: readonly unknown[]): Promise<{ rows: Row[] }> {
    // Its transaction has been rolled back.
    if (this.process.isDead) return { rows: [] }
    if (text.includes('pg_try_advisory_xact_lock')) {
      this.#lock.holder ??= this
      return { rows: [{ free: this.#lock.holder === this } as Row] }
    }
    if (!text.includes('set written_at')) return this.database.query<Row>(text, values)
    const before = await this.#unwritten()
    const result = await this.database.query<Row>(text, values)
    const after = await this.#unwritten()
    for (const id of before) if (!after.has(id)) this.#marked.add(id)
    return result
  }

  async #unwritten(): Promise<Set<string>> {
    const { rows } = await this.database.query<{ id: string }>(
      'select id::text from tenantry.restarts where written_at is null',
    )
    return new Set(rows.map(({ id }) => id))
  }
}
