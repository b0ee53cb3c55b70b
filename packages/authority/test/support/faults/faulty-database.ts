import { TenantryError } from '@tenantry/core'
import type { Database, Sql } from '../../../src/index.ts'
import type { Schedule } from './schedule.ts'

/** What may go wrong with the connections of all databases, and when. */
export interface Faults {
  isFaulty: boolean
  /** The server's processes that are in a transaction. */
  readonly open: Set<number>
}

/** A process's way to the database: each statement is sent when the schedule says so, and may fail. */
export class FaultyDatabase implements Database {
  readonly #database: Database
  readonly #schedule: Schedule
  readonly #faults: Faults

  constructor(database: Database, schedule: Schedule, faults: Faults) {
    this.#database = database
    this.#schedule = schedule
    this.#faults = faults
  }

  async query<Row>(text: string, values?: readonly unknown[]): Promise<{ rows: Row[] }> {
    await this.#schedule.step()
    if (this.#happens(0.02)) throw unreachable('The statement was not sent')
    const result = await this.#schedule.during(() => this.#database.query<Row>(text, values))
    if (this.#happens(0.3)) await this.#schedule.step()
    if (this.#happens(0.02)) throw unreachable('The answer was lost')
    return result
  }

  script(text: string): Promise<void> {
    return this.#database.script(text)
  }

  async transaction<Result>(run: (sql: Sql) => Promise<Result>): Promise<Result> {
    await this.#schedule.step()
    const endBegin = this.#schedule.ask()
    let endCommit = (): void => {}
    const runStepwise = async (sql: Sql): Promise<Result> => {
      const { rows } = await sql.query<{ pid: number }>('select pg_backend_pid() as pid')
      endBegin()
      const pid = rows[0]?.pid as number
      this.#faults.open.add(pid)
      try {
        const result = await run(this.#stepwise(sql))
        await this.#schedule.step()
        return result
      } finally {
        this.#faults.open.delete(pid)
        endCommit = this.#schedule.ask()
      }
    }
    const result = await this.#database.transaction(runStepwise).finally(() => {
      endBegin()
      endCommit()
    })
    if (this.#happens(0.04)) throw unreachable('The answer to the commit was lost')
    return result
  }

  async close(): Promise<void> {}

  #stepwise(sql: Sql): Sql {
    return {
      query: async (text, values) => {
        await this.#schedule.step()
        return await this.#schedule.during(() => sql.query(text, values))
      },
      script: (text) => sql.script(text),
    }
  }

  #happens(probability: number): boolean {
    return this.#schedule.random.chance(probability) && this.#faults.isFaulty
  }
}

function unreachable(message: string): TenantryError {
  return new TenantryError('TENANTRY_ERR_AUTHORITY_UNREACHABLE', { cause: new Error(message) })
}
