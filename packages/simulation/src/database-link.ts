import type { Database, Sql } from '@tenantry/authority'
import { TenantryError } from '@tenantry/core'
import type { Process } from './process.ts'
import type { World } from './world.ts'

/** What a transaction has come to: a result, or what its work rejected with. */
type Ended<Result> = { readonly result: Result } | { readonly error: unknown }

/**
 * A process's way to the database. A change is one step, from its begin to its commit: nobody sees anything of it in
 * between, and it asks nothing but the database. The connection may be lost before, in between, or after the commit.
 */
export class DatabaseLink implements Database {
  protected readonly world: World
  protected readonly process: Process
  protected readonly database: Database
  /** Looks at what has been committed, within the step in which it was. */
  readonly #onCommit: (result: unknown) => Promise<void>

  constructor(
    world: World,
    process: Process,
    database: Database,
    onCommit: (result: unknown) => Promise<void>,
  ) {
    this.world = world
    this.process = process
    this.database = database
    this.#onCommit = onCommit
  }

  query<Row>(text: string, values?: readonly unknown[]): Promise<{ rows: Row[] }> {
    return this.perform(`asks ${summary(text)}`, () => this.database.query<Row>(text, values))
  }

  script(text: string): Promise<void> {
    return this.database.script(text)
  }

  async transaction<Result>(run: (sql: Sql) => Promise<Result>): Promise<Result> {
    const ended = await this.perform('runs a transaction', async (): Promise<Ended<Result>> => {
      try {
        const result = await this.database.transaction(async (sql) => {
          const result = await run(sql)
          if (this.#isLost()) throw unreachable('The connection was lost before the commit')
          return result
        })
        await this.#onCommit(result)
        return { result }
      } catch (error) {
        return { error }
      }
    })
    if ('error' in ended) throw ended.error
    return ended.result
  }

  async close(): Promise<void> {}

  /** Sends something to the database, where it is carried out in a step of its own; the process is told in another. */
  protected perform<T>(what: string, carryOut: () => Promise<T>): Promise<T> {
    const { schedule } = this.world
    const { process } = this
    return new Promise((resolve, reject) => {
      const tell = (label: string, run: () => void): void => {
        schedule.later({ label: `${process.name} ← ${what}: ${label}`, to: process, run })
      }
      const fail = (label: string): void => tell(label, () => reject(unreachable(label)))
      if (this.#isLost()) return fail('not sent')
      schedule.later({
        label: `database: ${process.name} ${what}`,
        from: process,
        run: async () => {
          try {
            const result = await carryOut()
            if (this.#isLost()) fail('the answer was lost')
            else tell('done', () => resolve(result))
          } catch (error) {
            tell('failed', () => reject(error))
          }
        },
      })
    })
  }

  #isLost(): boolean {
    const { random, temper, isAtPeace } = this.world
    return !isAtPeace && random.chance(temper.flakiness)
  }
}

function unreachable(message: string): TenantryError {
  return new TenantryError('TENANTRY_ERR_AUTHORITY_UNREACHABLE', { cause: new Error(message) })
}

/** The first words of a statement. */
export function summary(text: string): string {
  return text.trim().split(/\s+/).slice(0, 4).join(' ')
}
