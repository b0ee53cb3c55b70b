import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Lease, TenantPool } from '@tenantry/core'
import type { Log, ServerOptions } from '@tenantry/core/adapter'

/**
 * Tells the type of `req.tenant`, once for the whole application:
 *
 * @example
 * declare module '@tenantry/express' {
 *   interface TenantryTypes { tenant: MyTenant }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: it is filled by those who augment it
export interface TenantryTypes {}

/** The type of `req.tenant`: what {@link TenantryTypes} says, otherwise unknown. */
export type RequestTenant = TenantryTypes extends { tenant: infer Tenant } ? Tenant : unknown

/** A request of one of Node's servers: of `node:http`, as all of Express's are, or of `node:http2`. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

export type NodeResponse = ServerResponse | Http2ServerResponse

/** What a request has once the middleware has let it through. */
export interface TenantRequest {
  /**
   * The tenant that this request is for: the same object from here to the last byte.
   * @throws TENANTRY_ERR_NO_TENANT where no tenant was reached: in an error handler
   */
  readonly tenant: RequestTenant
  /** This request's hold on its tenant. It ends by itself. @throws TENANTRY_ERR_NO_TENANT */
  readonly tenantLease: Lease<RequestTenant>
}

export interface TenantryOptions<Config, Request extends NodeRequest = NodeRequest>
  extends ServerOptions<Request, Config, RequestTenant> {
  /**
   * Where to log changes, never requests: a logger of pino, or one like it.
   * @default warnings and errors go to `console`
   */
  logger?: Log | undefined
}

/** The middleware: of Express, and of whatever else calls functions of this kind. */
export interface TenantMiddleware<Config, Request extends NodeRequest = NodeRequest> {
  (request: Request, response: NodeResponse, next: (error?: unknown) => void): void
  /** The pool of tenants. */
  readonly pool: TenantPool<Config, RequestTenant>
  /** Ends the pool, and the heartbeat. Call it when the server begins to close. May be called again. */
  close(): Promise<void>
}

declare global {
  namespace Express {
    interface Request extends TenantRequest {}
  }
}
