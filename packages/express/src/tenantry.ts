import { type Lease, requestHostname, TenantryError } from '@tenantry/core'
import { LeaseEnd, type Log, openTenants, retryAfterSeconds } from '@tenantry/core/adapter'
import type {
  NodeRequest,
  NodeResponse,
  RequestTenant,
  TenantMiddleware,
  TenantRequest,
  TenantryOptions,
} from './types.ts'

/** Express brings no logger, and writes its own errors there. */
const consoleLog: Log = {
  info() {},
  warn: (details, message) => console.warn(message, details),
  error: (details, message) => console.error(message, details),
}

/** What Express adds to a request, as far as it is looked at. Plain `node:http` adds nothing. */
interface AddedByExpress {
  readonly app?: {
    get(setting: 'trust proxy fn'): ((address: string | undefined, hop: number) => boolean) | undefined
  }
  /** The target as it came: `url` is what the middleware before has made of it. */
  readonly originalUrl?: string
}

/**
 * Gives every request that passes here its tenant.
 *
 * @example
 * const tenants = tenantry({
 *   tokens: () => new RedisTokenStore('redis://localhost'),
 *   load: (id, { signal }) => authority.tenantConfiguration(id, { signal }),
 * })
 * app.use(tenants)
 * app.get('/', (req, res) => res.send(`Hello from ${req.tenant.name}`))
 *
 * @throws TENANTRY_ERR_OPTIONS_INVALID
 */
export function tenantry<Config, Request extends NodeRequest = NodeRequest>(
  options: TenantryOptions<Config, Request>,
): TenantMiddleware<Config, Request> {
  const { logger = consoleLog, ...own } = options ?? {}
  const tenants = openTenants<Request, Config, RequestTenant>(own, { hostnameOf, log: logger })
  const passed = new WeakSet<Request>()
  let closed: Promise<void> | undefined

  function leaseTenant(request: Request, response: NodeResponse, next: (error?: unknown) => void): void {
    // Where a request comes by twice, on two paths that lead here, the first time decides.
    if (passed.has(request)) next()
    else if ('tenant' in request) next(taken())
    else lease(request, response, next)
  }

  function lease(request: Request, response: NodeResponse, next: (error?: unknown) => void): void {
    const end = new LeaseEnd(request.socket, response, tenants.pool.drainTimeoutMs)
    passed.add(request)
    // They are not enumerated: whoever copies a request that has no tenant, as reporters of errors do, is not thrown at.
    Object.defineProperties(request, {
      tenant: { get: () => leaseOf(end).tenant },
      tenantLease: { get: () => leaseOf(end) },
    } satisfies Record<keyof TenantRequest, PropertyDescriptor>)
    if (end.closed) return
    tenants.lease(request, end, (error) => {
      const retryAfter = error && retryAfterSeconds(error)
      if (retryAfter !== undefined && !response.headersSent) response.setHeader('Retry-After', retryAfter)
      next(error)
    })
  }

  return Object.assign(leaseTenant, {
    pool: tenants.pool,
    close: () => (closed ??= tenants.close()),
  })
}

/**
 * The canonical host name of a request, for an `identify` of one's own: Host, or `X-Forwarded-Host` where Express's
 * `trust proxy` says so.
 *
 * @throws TENANTRY_ERR_HOST_INVALID when the request does not name one valid host
 */
export function hostnameOf(request: NodeRequest): string {
  const { app, originalUrl: url = request.url } = request as NodeRequest & AddedByExpress
  const { headers, rawHeaders, socket } = request
  const forwarded = headers['x-forwarded-host']?.toString()
  // One that is empty says nothing, as Express has it.
  const counts = forwarded && app?.get('trust proxy fn')?.(socket.remoteAddress, 0)
  return requestHostname({ headers, rawHeaders, url }, counts ? forwarded : undefined)
}

function leaseOf(end: LeaseEnd): Lease<RequestTenant> {
  if (end.lease === undefined) throw new TenantryError('TENANTRY_ERR_NO_TENANT')
  return end.lease as Lease<RequestTenant>
}

function taken(): TenantryError {
  return new TenantryError('TENANTRY_ERR_OPTIONS_INVALID', {
    message:
      'Expected a request without `tenant`, got one that has it: one `tenantry()` gives a request its tenant',
  })
}
