import type { Lease, TenantPool } from '@tenantry/core'
import type { ServerOptions } from '@tenantry/core/adapter'
import type { FastifyRequest } from 'fastify'

/**
 * Tells the type of `request.tenant`, once for the whole application:
 *
 * @example
 * declare module '@tenantry/fastify' {
 *   interface TenantryTypes { tenant: MyTenant }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: it is filled by those who augment it
export interface TenantryTypes {}

/** The type of `request.tenant`: what {@link TenantryTypes} says, otherwise unknown. */
export type RequestTenant = TenantryTypes extends { tenant: infer Tenant } ? Tenant : unknown

// Fastify's `register` does not carry type parameters: what `load` returns cannot be told to `create`.
// biome-ignore lint/suspicious/noExplicitAny: see above
export interface TenantryOptions<Config = any> extends ServerOptions<FastifyRequest, Config, RequestTenant> {}

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The tenant that this request is for: the same object from the first hook to the last byte.
     * @throws TENANTRY_ERR_NO_TENANT on a route that opted out, and where no tenant was reached
     */
    readonly tenant: RequestTenant
    /** This request's hold on its tenant. It ends by itself. @throws TENANTRY_ERR_NO_TENANT */
    readonly tenantLease: Lease<RequestTenant>
  }

  interface FastifyInstance {
    /** The pool of tenants of this application. */
    // biome-ignore lint/suspicious/noExplicitAny: what `load` returns is known where the plugin is registered
    readonly tenants: TenantPool<any, RequestTenant>
  }

  interface FastifyContextConfig {
    /** `false`: this route is for no tenant. */
    tenant?: boolean
  }
}
