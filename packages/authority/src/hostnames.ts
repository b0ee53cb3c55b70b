import { TenantryError } from '@tenantry/core'
import { MAX_HOSTNAMES, tooManyHostnames } from './check-tenant.ts'
import type { Sql } from './database.ts'
import { HOSTS_LOCK } from './locks.ts'
import { show } from './show.ts'

/**
 * Lets one change of host names run at a time. Taken before anything else is locked: so nobody waits for a host name
 * while holding another, and who owns a host name does not change in between.
 */
export async function lockHosts(sql: Sql): Promise<void> {
  await sql.query(`select pg_advisory_xact_lock(${HOSTS_LOCK})`)
}

export async function findOwner(sql: Sql, hostname: string): Promise<string | undefined> {
  const { rows } = await sql.query<{ tenant_id: string }>(
    'select tenant_id from tenantry.hostnames where hostname = $1',
    [hostname],
  )
  return rows[0]?.tenant_id
}

/**
 * Gives a tenant just these host names.
 *
 * @returns whether that changes anything
 * @throws TENANTRY_ERR_HOSTNAME_TAKEN
 */
export async function setHostnames(sql: Sql, id: string, hostnames: readonly string[]): Promise<boolean> {
  const wanted = JSON.stringify(hostnames)
  const { rows } = await sql.query<{ hostname: string; tenant_id: string }>(
    `select hostname, tenant_id from tenantry.hostnames
     where tenant_id = $1 or hostname in (select jsonb_array_elements_text($2::text::jsonb))
     order by hostname`,
    [id, wanted],
  )
  const taken = rows.find(({ tenant_id }) => tenant_id !== id)
  if (taken !== undefined) throw hostnameTaken(taken.hostname, taken.tenant_id)
  if (rows.length === hostnames.length && rows.every(({ hostname }) => hostnames.includes(hostname)))
    return false
  await sql.query(
    `delete from tenantry.hostnames
     where tenant_id = $1 and hostname not in (select jsonb_array_elements_text($2::text::jsonb))`,
    [id, wanted],
  )
  await sql.query(
    `insert into tenantry.hostnames (hostname, tenant_id)
     select jsonb_array_elements_text($2::text::jsonb), $1 on conflict (hostname) do nothing`,
    [id, wanted],
  )
  return true
}

/**
 * Gives a tenant one more host name, whoever had it.
 *
 * @throws TENANTRY_ERR_TENANT_INVALID when it has too many
 */
export async function giveHostname(sql: Sql, id: string, hostname: string): Promise<void> {
  await sql.query(
    `insert into tenantry.hostnames (hostname, tenant_id) values ($1, $2)
     on conflict (hostname) do update set tenant_id = excluded.tenant_id`,
    [hostname, id],
  )
  const { rows } = await sql.query<{ count: number }>(
    'select count(*)::integer as count from tenantry.hostnames where tenant_id = $1',
    [id],
  )
  const count = rows[0]?.count ?? 0
  if (count > MAX_HOSTNAMES) throw tooManyHostnames(count)
}

export async function dropHostname(sql: Sql, hostname: string): Promise<void> {
  await sql.query('delete from tenantry.hostnames where hostname = $1', [hostname])
}

export function hostnameTaken(hostname: string, owner: string): TenantryError {
  return new TenantryError('TENANTRY_ERR_HOSTNAME_TAKEN', {
    message: `The host name ${show(hostname)} belongs to tenant ${show(owner)}`,
  })
}
