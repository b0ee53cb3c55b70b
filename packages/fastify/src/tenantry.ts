import { type Lease, requestHostname, TenantPool, TenantryError } from '@tenantry/core'
import type {
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
  RegisterOptions,
} from 'fastify'
import fp from 'fastify-plugin'
import { LeaseEnd } from './lease-end.ts'
import { logEvents } from './log-events.ts'
import { startHeartbeat } from './start-heartbeat.ts'
import type { RequestTenant, TenantryOptions } from './types.ts'

const kLeaseEnd: unique symbol = Symbol('tenantry.leaseEnd')
const kTimeLimited: unique symbol = Symbol('tenantry.timeLimited')

declare module 'fastify' {
  interface FastifyRequest {
    [kLeaseEnd]: LeaseEnd | null
    [kTimeLimited]: boolean
  }
}

type Acquire = (request: FastifyRequest) => Promise<Lease<RequestTenant>>

/**
 * Gives every request its tenant, before any hook that is registered later runs.
 *
 * @example
 * await app.register(tenantry, {
 *   tokens: () => new RedisTokenStore('redis://localhost'),
 *   load: (id, { signal }) => authority.tenantConfiguration(id, { signal }),
 * })
 * app.get('/', (request) => `Hello from ${request.tenant.name}`)
 */
export const tenantry: FastifyPluginAsync<TenantryOptions> = fp(registerTenantry, {
  name: '@tenantry/fastify',
  fastify: '5.x',
})

/**
 * The canonical host name of a request, for an `identify` of one's own: Host, or `X-Forwarded-Host` where Fastify's
 * `trustProxy` says so.
 *
 * @throws TENANTRY_ERR_HOST_INVALID when the request does not name one valid host
 */
export function hostnameOf(request: FastifyRequest): string {
  const { raw, host } = request
  const direct = raw.headers.host ?? raw.headers[':authority'] ?? ''
  // Of a list Fastify takes the last host, others take the first: the header goes on as it came, to be refused.
  return requestHostname(raw, host === direct ? undefined : raw.headers['x-forwarded-host']?.toString())
}

async function registerTenantry(app: FastifyInstance, options: TenantryOptions): Promise<void> {
  // First of all, since this refuses a second registration: nothing has been opened by then.
  app.decorateRequest('tenant', {
    getter(this: FastifyRequest) {
      return leaseOf.call(this).tenant
    },
  })
  app.decorateRequest('tenantLease', { getter: leaseOf })
  app.decorateRequest(kLeaseEnd, null)
  app.decorateRequest(kTimeLimited, false)

  // Fastify's own options of `register` come along.
  const { identify, heartbeat, prefix, logLevel, logSerializers, ...poolOptions } =
    options as typeof options & RegisterOptions
  // biome-ignore lint/suspicious/noExplicitAny: what `load` returns is known to the caller alone
  const pool = new TenantPool<any, RequestTenant>(poolOptions)
  const closePoolAndThrow = async (error: unknown) => {
    await pool.close()
    throw error
  }
  const acquire = await acquireBy(identify, pool).catch(closePoolAndThrow)
  const closeHeartbeat = await startHeartbeat(pool, heartbeat, app.log).catch(closePoolAndThrow)
  logEvents(pool, app.log)
  app.decorate('tenants', pool)

  app.addHook('onRequest', function leaseTenant(request, reply, next) {
    const { config, handlerTimeout } = request.routeOptions
    if (config?.tenant === false) return next()
    const end = new LeaseEnd({ request: request.raw, response: reply.raw }, pool.drainTimeoutMs)
    request[kLeaseEnd] = end
    request[kTimeLimited] = handlerTimeout > 0
    if (end.closed) return
    const refuse = (cause: unknown) => {
      if (end.closed) return
      // `next(undefined)` would go on, without a tenant.
      const error = cause instanceof Error ? cause : new TenantryError('TENANTRY_ERR_NO_TENANT', { cause })
      setRetryAfter(reply, error)
      next(error)
    }
    const go = (lease: Lease<RequestTenant>) => {
      // Nobody is there to be answered when the request has closed: its way ends here.
      if (end.grant(lease)) next()
    }
    try {
      acquire(request).then(go, refuse)
    } catch (error) {
      refuse(error)
    }
  })

  app.addHook('onSend', function noteAnswer(request, _reply, answer, next) {
    // First the hooks that follow: those that do not wait for anything may still look at the tenant.
    next()
    if (isTimedOut(request)) request[kLeaseEnd]?.timeOut()
    else request[kLeaseEnd]?.answer(answer)
  })

  // From here on nobody gets a lease, and builds end; requests under way have until the drain deadline. The replica
  // says goodbye at once: what drains is no longer waited for.
  const close = async () => {
    const ends = await Promise.allSettled([pool.close(), closeHeartbeat()])
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }
  let closed: Promise<void> | undefined
  app.addHook('preClose', function closePool(next) {
    closed = close()
    closed.catch(() => {})
    next()
  })
  app.addHook('onClose', () => closed ?? close())
}

async function acquireBy(
  identify: TenantryOptions['identify'],
  pool: TenantPool<unknown, RequestTenant>,
): Promise<Acquire> {
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

function leaseOf(this: FastifyRequest): Lease<RequestTenant> {
  const lease = this[kLeaseEnd]?.lease
  if (lease === undefined) throw new TenantryError('TENANTRY_ERR_NO_TENANT')
  return lease as Lease<RequestTenant>
}

/** Whether what is being sent is Fastify's own answer at its `handlerTimeout`: the handler may still be at work. */
function isTimedOut(request: FastifyRequest): boolean {
  return request[kTimeLimited] && request.signal.reason?.code === 'FST_ERR_HANDLER_TIMEOUT'
}

function setRetryAfter(reply: FastifyReply, error: Error): void {
  if (!(error instanceof TenantryError) || error.retryAfterMs === undefined) return
  reply.header('retry-after', Math.max(1, Math.ceil(error.retryAfterMs / 1000)))
}
