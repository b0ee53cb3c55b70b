/**
 * `@tenantry/fastify`: `request.tenant`, fresh on every request.
 *
 * One plugin and its types; everything else is `@tenantry/core`'s.
 */
export { hostDirectory, type Lease, TenantryError } from '@tenantry/core'
export type { HeartbeatSettings } from '@tenantry/core/adapter'
export { hostnameOf, tenantry, tenantry as default } from './tenantry.ts'
export type { RequestTenant, TenantryOptions, TenantryTypes } from './types.ts'
