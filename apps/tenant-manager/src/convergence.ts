import type { Restart } from '@tenantry/authority'
import type { ReplicaReport, TenantReport, Token } from '@tenantry/core'
import type { Convergence, Replica, State } from './api.ts'
import { presentRestart } from './present.ts'

/** The ids of the last restarts that concern a tenant; undefined: there was none, and any token will do. */
export interface Wanted {
  readonly tenant: string | undefined
  readonly all: string | undefined
}

/**
 * How far a replica is with a tenant.
 *
 * A build that failed under other tokens than the last is no failure of the last restart: it is tried again when the
 * tenant is asked for.
 */
export function stateOf(report: TenantReport | undefined, wanted: Wanted): State {
  if (report === undefined) return 'not-loaded'
  const isLast = isOf(report.token, wanted.tenant) && isOf(report.all, wanted.all)
  if (report.state === 'held') return isLast ? 'current' : 'behind'
  return isLast ? 'failed' : 'not-loaded'
}

/** Whether a token was written for this restart: it begins with its id, and the dot (`1` is not the beginning of `12.…`). */
function isOf(token: Token | null, restart: string | undefined): boolean {
  return restart === undefined || (token?.startsWith(`${restart}.`) ?? false)
}

/**
 * How far all replicas are with a tenant.
 *
 * @param restarts the last one of the tenant itself, and the last one of all tenants
 */
export function convergenceOf(
  tenant: string,
  restarts: { readonly tenant: Restart | undefined; readonly all: Restart | undefined },
  reports: readonly ReplicaReport[],
): Convergence {
  const wanted: Wanted = { tenant: restarts.tenant?.id, all: restarts.all?.id }
  const counts = { current: 0, behind: 0, failed: 0, 'not-loaded': 0 }
  const replicas = reports.map(({ replica, tenants }) => {
    const told = tenants.get(tenant)
    const state = stateOf(told, wanted)
    // What failed under other tokens is past, and says nothing of a tenant that is not loaded.
    const report = state === 'not-loaded' ? undefined : told
    counts[state] += 1
    return {
      replica,
      state,
      token: report?.token ?? null,
      at: report === undefined ? null : atOf(report).toISOString(),
      reason: report?.state === 'failed' ? report.reason : null,
    }
  })
  const written = [restarts.tenant, restarts.all].every((restart) => restart?.writtenAt !== null)
  const restart = laterOf(restarts.tenant, restarts.all)
  return {
    tenant,
    restart: restart === undefined ? null : presentRestart(restart),
    converged: written && counts.behind === 0 && counts.failed === 0,
    counts,
    replicas,
  }
}

export function atOf(report: TenantReport): Date {
  return report.state === 'held' ? report.builtAt : report.failedAt
}

export function summaryOf({ replica, startedAt, tenants }: ReplicaReport): Replica {
  let failed = 0
  for (const report of tenants.values()) if (report.state === 'failed') failed += 1
  return { replica, startedAt: startedAt.toISOString(), tenants: tenants.size - failed, failed }
}

/** Ids are digits without leading zeros: the longer one is the greater one. */
export function isLaterId(id: string, than: string): boolean {
  return id.length === than.length ? id > than : id.length > than.length
}

function laterOf(one: Restart | undefined, other: Restart | undefined): Restart | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return isLaterId(one.id, other.id) ? one : other
}
