import type { Sql } from './database.ts'
import { RECONCILER_LOCK } from './locks.ts'
import { markWritten } from './restarts.ts'
import type { CommittedRestart } from './types.ts'

/** A current restart, with what orders it: tenants by their restarts' ids, then `all`, then `all-hosts`. */
export interface CurrentRestart extends CommittedRestart {
  readonly rank: number
  /** Whether it, and every earlier one of its key, is known to have reached the token store. */
  readonly isWritten: boolean
}

/** The place of a current restart amongst the others. */
export type Place = Pick<CurrentRestart, 'rank' | 'id'>

/** Before all others. */
export const START: Place = { rank: 0, id: '0' }

export interface LedgerQuery {
  readonly after: Place
  readonly limit: number
  /** Only those of keys that have a restart that is not known to be written, and whose id is at most this one. */
  readonly unwrittenUpTo?: string | undefined
}

/** The committed restarts, as the one reconciler that acts sees them. */
export class RestartLedger {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Locks the reconciler's place for as long as the transaction lasts; false: somebody else has it. */
  static async isFree(sql: Sql): Promise<boolean> {
    const { rows } = await sql.query<{ free: boolean }>(
      `select pg_try_advisory_xact_lock(${RECONCILER_LOCK}) as free`,
    )
    return rows[0]?.free === true
  }

  /** The highest id taken so far. */
  async lastId(): Promise<string> {
    const { rows } = await this.#sql.query<{ id: string }>(
      'select last_value::text as id from tenantry.restart_ids',
    )
    return rows[0]?.id ?? '0'
  }

  /** The current restarts in the order in which to write them. */
  async currentRestarts({ after, limit, unwrittenUpTo }: LedgerQuery): Promise<CurrentRestart[]> {
    const { rows } = await this.#sql.query<CurrentRestart>(
      // An earlier one may be unwritten alone: who was noting it kept others from it, and has lost the connection.
      `select current.token_key as key, restart_id::text as id, rank, not exists (
         select from tenantry.restarts as unwritten
         where unwritten.token_key = current.token_key and unwritten.written_at is null
       ) as "isWritten"
       from tenantry.current_restarts as current
       where (rank, restart_id) > ($1::smallint, $2::bigint) and ($4::bigint is null or exists (
         select from tenantry.restarts as unwritten
         where unwritten.token_key = current.token_key and unwritten.written_at is null and unwritten.id <= $4::bigint
       ))
       order by rank, restart_id limit $3`,
      [after.rank, after.id, limit, unwrittenUpTo ?? null],
    )
    return rows
  }

  markWritten(restarts: readonly CommittedRestart[]): Promise<CommittedRestart[]> {
    return markWritten(this.#sql, restarts)
  }
}
