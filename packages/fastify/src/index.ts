/**
 * `@tenantry/fastify`: `request.tenant`, fresh on every request.
 *
 * One plugin and its types; everything else is `@tenantry/core`'s.
 */
export { hostDirectory, type Lease, TenantryError } from '@tenantry/core'
export { hostnameOf, tenantry, tenantry as default } from './tenantry.ts'
export type { HeartbeatSettings, RequestTenant, TenantryOptions, TenantryTypes } from './types.ts'
