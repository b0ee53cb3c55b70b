/**
 * `@tenantry/express`: `req.tenant`, fresh on every request, for Express and for plain `node:http`.
 *
 * One middleware and its types; everything else is `@tenantry/core`'s. Nothing reachable from here imports Express.
 */
export { hostDirectory, type Lease, TenantryError } from '@tenantry/core'
export type { HeartbeatSettings, Log } from '@tenantry/core/adapter'
export { hostnameOf, tenantry, tenantry as default } from './tenantry.ts'
export type {
  NodeRequest,
  NodeResponse,
  RequestTenant,
  TenantMiddleware,
  TenantRequest,
  TenantryOptions,
  TenantryTypes,
} from './types.ts'
