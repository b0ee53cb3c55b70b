import { TenantryError } from '@tenantry/core'
import type { CheckedChange, CheckedTenant } from './check-tenant.ts'
import type { Sql } from './database.ts'
import { invalid, isStorable } from './invalid.ts'
import { pageLimit } from './page-limit.ts'
import { show } from './show.ts'
import type { Config, Tenant, TenantSummary } from './types.ts'

export interface TenantsQuery {
  /** A part of an id, a name or a host name, in any case. */
  readonly search?: string | undefined
  /** The `next` of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface TenantsPage {
  readonly tenants: TenantSummary[]
  /** How many there are on all pages. */
  readonly total: number
  /** Null: this is the last page. */
  readonly next: string | null
}

interface Row {
  readonly id: string
  readonly name: string
  readonly config: Config
  readonly hostnames: string[]
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
}

const HOSTNAMES = `coalesce(
  (select json_agg(hostname order by hostname) from tenantry.hostnames where tenant_id = tenants.id), '[]'
) as hostnames`

const SUMMARY = `id, name, version, created_at, updated_at, ${HOSTNAMES}`

export async function findTenant(sql: Sql, id: string): Promise<Tenant | undefined> {
  const { rows } = await sql.query<Row>(`select ${SUMMARY}, config from tenantry.tenants where id = $1`, [id])
  return rows[0] === undefined ? undefined : { ...summaryOf(rows[0]), config: rows[0].config }
}

export async function listTenants(
  sql: Sql,
  { search = '', after, limit }: TenantsQuery,
): Promise<TenantsPage> {
  // No text in the database has what cannot be kept there, and Postgres would refuse the question.
  if (!isStorable(search)) return { tenants: [], total: 0, next: null }
  const { rows } = await sql.query<Row & { total: number }>(LIST, [
    patternOf(fold(search)),
    patternOf(search.toLowerCase()),
    after ?? '',
    pageLimit(limit) + 1,
  ])
  // Without tenants there is one row all the same: the total.
  const found = rows.filter(({ id }) => id !== null)
  const tenants = found.slice(0, limit).map(summaryOf)
  return {
    tenants,
    total: rows[0]?.total ?? 0,
    next: found.length > limit ? (tenants.at(-1)?.id ?? null) : null,
  }
}

const LIST = `
with found as materialized (
  select id from tenantry.tenants
  where $1::text is null
    or search_text like $1
    or exists (select from tenantry.hostnames where tenant_id = tenants.id and hostname like $2)
)
select total.total, page.*
from (select count(*)::integer as total from found) as total
left join (
  select ${SUMMARY} from tenantry.tenants
  where id in (select id from found) and id > $3
  order by id limit $4
) as page on true
order by page.id`

/** Upper case, since lower case depends on the place in a word: a sigma at its end is another letter. */
function fold(text: string): string {
  return text.toUpperCase()
}

function searchTextOf(id: string, name: string): string {
  return fold(`${id}\n${name}`)
}

/** A pattern of `like`; its wildcards, where they are searched for, stand for themselves. */
function patternOf(search: string): string | null {
  return search === '' ? null : `%${search.replace(/[\\%_]/g, '\\$&')}%`
}

/**
 * Locks tenants, in the order of their ids, so that no two transactions wait for each other.
 *
 * @returns the versions of those that exist
 */
export async function lockTenants(sql: Sql, ids: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await sql.query<{ id: string; version: number }>(
    `select id, version from tenantry.tenants
     where id in (select jsonb_array_elements_text($1::text::jsonb)) order by id for update`,
    [JSON.stringify(ids)],
  )
  return new Map(rows.map(({ id, version }) => [id, version]))
}

/** @throws TENANTRY_ERR_TENANT_EXISTS */
export async function insertTenant(sql: Sql, id: string, { name, config }: CheckedTenant): Promise<void> {
  const { rows } = await sql.query(
    `insert into tenantry.tenants (id, name, config, search_text) values ($1, $2, $3::text::jsonb, $4)
     on conflict (id) do nothing returning id`,
    [id, name, config, searchTextOf(id, name)],
  )
  if (rows.length > 0) return
  throw new TenantryError('TENANTRY_ERR_TENANT_EXISTS', { message: `There is a tenant ${show(id)} already` })
}

/** The next version of a locked tenant. */
export async function updateTenant(
  sql: Sql,
  id: string,
  { name, config }: CheckedChange = {},
): Promise<void> {
  await sql.query(
    `update tenantry.tenants
     set name = coalesce($2, name), search_text = coalesce($4, search_text),
       config = coalesce($3::text::jsonb, config),
       version = version + 1, updated_at = clock_timestamp()
     where id = $1`,
    [id, name ?? null, config ?? null, name === undefined ? null : searchTextOf(id, name)],
  )
}

export async function deleteTenant(sql: Sql, id: string): Promise<void> {
  await sql.query('delete from tenantry.tenants where id = $1', [id])
}

export function notFound(id: string): TenantryError {
  return new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND', { message: `There is no tenant ${show(id)}` })
}

/** @throws TENANTRY_ERR_VERSION_CONFLICT @throws TENANTRY_ERR_TENANT_INVALID */
export function requireVersion(id: string, received: number, current: number): void {
  if (received === current) return
  if (!Number.isSafeInteger(received)) throw invalid('version', 'a whole number', show(received))
  throw new TenantryError('TENANTRY_ERR_VERSION_CONFLICT', {
    message: `Tenant ${show(id)} has been changed meanwhile: expected version ${current}, got ${received}`,
  })
}

function summaryOf(row: Row): TenantSummary {
  const { id, name, hostnames, version } = row
  return { id, name, hostnames, version, createdAt: row.created_at, updatedAt: row.updated_at }
}
