import { TenantryError } from '../errors.ts'
import type { HostDirectory } from '../host-directory.ts'
import type { Lease } from '../lease.ts'
import type { TenantPoolOptions } from '../pool-options.ts'
import { TenantPool } from '../tenant-pool.ts'
import type { LeaseEnd } from './lease-end.ts'
import { type Log, logEvents, mustBeLog } from './log-events.ts'
import { type HeartbeatSettings, startHeartbeat } from './start-heartbeat.ts'

/** What adapters to HTTP servers are told: how the pool is to be, and which tenant a request is for. */
export interface ServerOptions<Request, Config, Tenant> extends TenantPoolOptions<Config, Tenant> {
  /**
   * Decides which tenant a request is for: returns its id, or undefined for none (404). Or a host directory, for
   * tenants whose host names are not their ids.
   * @default the canonical host name is the id
   */
  identify?: ((request: Request) => string | undefined | Promise<string | undefined>) | HostDirectory<Tenant>

  /**
   * Tells, for people and for rollouts, which tenants this replica holds and which it could not build.
   * @default nobody is told
   */
  heartbeat?: HeartbeatSettings | undefined
}

/** The tenants of one server. */
export interface OpenTenants<Request, Config, Tenant> {
  readonly pool: TenantPool<Config, Tenant>

  /**
   * Leases the tenant that a request is for, and calls `next` when that is done, or with the error that refuses it.
   * Where the request has closed meanwhile nobody is there to be answered: its way ends here, without a call.
   */
  lease(request: Request, end: LeaseEnd, next: (error?: Error) => void): void

  /** The replica says goodbye at once; the pool closes as `TenantPool.close` tells. */
  close(): Promise<void>
}

/**
 * Opens the pool of a server, and its heartbeat.
 *
 * @param server how the adapter's server tells a request's canonical host name, and where to log
 * @throws TENANTRY_ERR_OPTIONS_INVALID; what has been opened is closed then
 */
export function openTenants<Request, Config, Tenant>(
  options: ServerOptions<Request, Config, Tenant>,
  server: { hostnameOf: (request: Request) => string; log: Log },
): OpenTenants<Request, Config, Tenant> {
  mustBeLog(server.log)
  const { identify, heartbeat, ...poolOptions } = options
  const pool = new TenantPool<Config, Tenant>(poolOptions)
  try {
    const acquire = acquireBy(identify, pool, server.hostnameOf)
    const closeHeartbeat = startHeartbeat(pool, heartbeat, server.log)
    logEvents(pool, server.log)
    return {
      pool,
      lease(request, end, next) {
        const refuse = (cause: unknown) => {
          if (end.closed) return
          // `next(undefined)` would go on, without a tenant.
          next(cause instanceof Error ? cause : new TenantryError('TENANTRY_ERR_NO_TENANT', { cause }))
        }
        const go = (lease: Lease<Tenant>) => {
          if (end.grant(lease)) next()
        }
        try {
          acquire(request).then(go, refuse)
        } catch (error) {
          refuse(error)
        }
      },
      async close() {
        const ends = await Promise.allSettled([pool.close(), closeHeartbeat()])
        const reasons = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
        if (reasons.length > 1)
          throw new AggregateError(reasons, 'Neither the pool nor the heartbeat closed well')
        if (reasons.length === 1) throw reasons[0]
      },
    }
  } catch (error) {
    // The error of the options counts, whatever becomes of a pool that nobody has used.
    pool.close().catch(() => {})
    throw error
  }
}

function acquireBy<Request, Config, Tenant>(
  identify: ServerOptions<Request, Config, Tenant>['identify'],
  pool: TenantPool<Config, Tenant>,
  hostnameOf: (request: Request) => string,
): (request: Request) => Promise<Lease<Tenant>> {
  if (identify === undefined) return (request) => pool.acquire(hostnameOf(request))
  if (typeof identify === 'function') {
    return async (request) => {
      const id = await identify(request)
      if (id === undefined) throw new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')
      return pool.acquire(id)
    }
  }
  const acquire = pool.byHost(identify)
  return (request) => acquire(hostnameOf(request))
}
