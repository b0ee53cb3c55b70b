import { ALL, ALL_HOSTS, TenantryError, type TokenKey } from '@tenantry/core'
import { checkAsked, checkId } from './check-tenant.ts'
import type { Sql } from './database.ts'
import { pageLimit } from './page-limit.ts'
import { show } from './show.ts'
import type { Asked, Cause, CommittedRestart, Restart } from './types.ts'

export interface RestartsQuery {
  /** Only its own restarts, and those of all tenants. */
  readonly tenant?: string | undefined
  /** The `next` of the page before. */
  readonly before?: string | undefined
  readonly limit: number
}

export interface RestartsPage {
  /** The newest first. */
  readonly restarts: Restart[]
  /** Null: this is the last page. */
  readonly next: string | null
}

export interface CurrentRestartsQuery {
  /** The `next` of the page before. */
  readonly after?: TokenKey | undefined
  readonly limit: number
}

export interface CurrentRestartsPage {
  /** By their token keys. */
  readonly restarts: CommittedRestart[]
  /** Null: this is the last page. */
  readonly next: TokenKey | null
}

/** What is to be restarted: a tenant, or what one of the shared keys speaks for. */
export interface Target {
  readonly key: TokenKey
  readonly tenant: string | null
}

export const EVERY_TENANT: Target = { key: ALL, tenant: null }
export const HOSTS: Target = { key: ALL_HOSTS, tenant: null }

export function tenantTarget(id: string): Target {
  return { key: checkId(id), tenant: id }
}

interface Row {
  readonly id: string
  readonly token_key: TokenKey
  readonly tenant_id: string | null
  readonly cause: Cause
  readonly requested_by: string
  readonly reason: string | null
  readonly requested_at: Date
  readonly written_at: Date | null
}

const RESTART =
  'restarts.id::text as id, restarts.token_key, tenant_id, cause, requested_by, reason, requested_at, written_at'

/**
 * Commits restarts with the transaction that `sql` is.
 *
 * All their keys are locked, in one order for everybody, before the first id is taken. So, of one key, whoever comes
 * later has a higher id; and ids grow in the order of `targets`, which is the order in which to write them.
 */
export async function commitRestarts(
  sql: Sql,
  targets: readonly Target[],
  asked: Asked & { readonly cause: Cause },
): Promise<CommittedRestart[]> {
  const { by, reason } = checkAsked(asked)
  // The row is locked by the update also where it was there before; what the update sets does not matter.
  await sql.query(
    `insert into tenantry.current_restarts (token_key, restart_id)
     select key, 0 from jsonb_array_elements_text($1::text::jsonb) with ordinality as keys (key, place) order by place
     on conflict (token_key) do update set restart_id = current_restarts.restart_id`,
    [JSON.stringify(targets.map(({ key }) => key).sort(byLockOrder))],
  )
  const { rows } = await sql.query<{ id: string }>(
    `select nextval('tenantry.restart_ids')::text as id from generate_series(1, $1::integer)`,
    [targets.length],
  )
  const restarts = targets.map(({ key, tenant }, index) => ({
    id: (rows[index] as { id: string }).id,
    key,
    tenant,
  }))
  await sql.query(
    `with started as (
       select * from jsonb_to_recordset($1::text::jsonb) as started (id bigint, key text, tenant text)
     ), history as (
       insert into tenantry.restarts (id, token_key, tenant_id, cause, requested_by, reason)
       select id, key, tenant, $4, $2, $3 from started
     )
     update tenantry.current_restarts set restart_id = started.id from started where token_key = started.key`,
    [JSON.stringify(restarts), by, reason, asked.cause],
  )
  return restarts.map(({ id, key }) => ({ id, key }))
}

/** Tenants' keys by their bytes (they are ASCII), then `all`, then `all-hosts`. */
function byLockOrder(one: TokenKey, other: TokenKey): number {
  return rankOf(one) - rankOf(other) || (one < other ? -1 : 1)
}

function rankOf(key: TokenKey): number {
  return key === ALL ? 1 : key === ALL_HOSTS ? 2 : 0
}

export async function listRestarts(
  sql: Sql,
  { tenant, before, limit }: RestartsQuery,
): Promise<RestartsPage> {
  if (tenant !== undefined) checkId(tenant)
  if (before !== undefined) requireRestartId(before)
  const { rows } = await sql.query<Row>(
    `select ${RESTART} from tenantry.restarts
     where ($1::text is null or tenant_id = $1 or token_key = '${ALL}') and ($2::bigint is null or id < $2::bigint)
     order by restarts.id desc limit $3`,
    [tenant ?? null, before ?? null, pageLimit(limit) + 1],
  )
  const restarts = rows.slice(0, limit).map(restartOf)
  return { restarts, next: rows.length > limit ? (restarts.at(-1)?.id ?? null) : null }
}

/** The current restart of every token key, a page at a time. */
export async function listCurrentRestarts(
  sql: Sql,
  { after, limit }: CurrentRestartsQuery,
): Promise<CurrentRestartsPage> {
  const { rows } = await sql.query<CommittedRestart>(
    `select token_key as key, restart_id::text as id from tenantry.current_restarts
     where token_key > $1 order by token_key limit $2`,
    [after ?? '', pageLimit(limit) + 1],
  )
  const restarts = rows.slice(0, limit)
  return { restarts, next: rows.length > limit ? (restarts.at(-1)?.key ?? null) : null }
}

export async function findCurrentRestart(sql: Sql, key: TokenKey): Promise<Restart | undefined> {
  const { rows } = await sql.query<Row>(
    `select ${RESTART} from tenantry.current_restarts
     join tenantry.restarts on restarts.id = restart_id where current_restarts.token_key = $1`,
    [key],
  )
  return rows[0] === undefined ? undefined : restartOf(rows[0])
}

/**
 * Notes that restarts, and with them all earlier ones of their keys, have reached the token store.
 *
 * A row that is locked is left to whoever is marking it.
 *
 * @returns the later restarts of the same keys that have been committed meanwhile: what was written just now may have
 *   replaced what was written for them
 */
export async function markWritten(
  sql: Sql,
  restarts: readonly CommittedRestart[],
): Promise<CommittedRestart[]> {
  const { rows } = await sql.query<CommittedRestart>(
    `with written as (
       select * from jsonb_to_recordset($1::text::jsonb) as written (id bigint, key text)
     ), unmarked as (
       select restarts.id from tenantry.restarts join written on token_key = key and restarts.id <= written.id
       where written_at is null order by restarts.id for update of restarts skip locked
     ), marked as (
       update tenantry.restarts set written_at = clock_timestamp() where id in (select id from unmarked)
     )
     select restart_id::text as id, key from tenantry.current_restarts join written on token_key = key
     where restart_id > written.id order by restart_id`,
    [JSON.stringify(restarts)],
  )
  return rows
}

function requireRestartId(before: string): void {
  if (/^\d{1,18}$/.test(before)) return
  throw new TenantryError('TENANTRY_ERR_OPTIONS_INVALID', {
    message: `Expected before to be the id of a restart, got ${show(before)}`,
  })
}

function restartOf(row: Row): Restart {
  const { id, token_key: key, tenant_id: tenant, cause, requested_by: by, reason } = row
  return { id, key, tenant, cause, by, reason, requestedAt: row.requested_at, writtenAt: row.written_at }
}
