import type { TestTenant, Visit } from '@tenantry/adapter-suite'
import type { Request } from 'express'

declare module '@tenantry/express' {
  interface TenantryTypes {
    tenant: TestTenant
  }
}

/** A request as the suite looks at it. */
export function visitOf(req: Request): Visit {
  return {
    method: req.method,
    url: req.originalUrl,
    connection: req.socket,
    get tenant() {
      return req.tenant
    },
    get lease() {
      return req.tenantLease
    },
  }
}
