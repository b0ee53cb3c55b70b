import type { Restart, Tenant, TenantSummary } from '@tenantry/authority'
import type * as api from './api.ts'

/** A tenant as the API shows it in lists. */
export function presentSummary(tenant: TenantSummary): api.TenantSummary {
  const { id, name, hostnames, version, createdAt, updatedAt } = tenant
  return {
    id,
    name,
    hostnames: [...hostnames],
    version,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}

export function presentTenant(tenant: Tenant): api.Tenant {
  return { ...presentSummary(tenant), config: tenant.config }
}

export function presentRestart(restart: Restart): api.Restart {
  const { id, key, tenant, cause, by, reason, requestedAt, writtenAt } = restart
  return {
    id,
    key,
    tenant,
    cause,
    by,
    reason,
    requestedAt: requestedAt.toISOString(),
    writtenAt: writtenAt?.toISOString() ?? null,
  }
}
