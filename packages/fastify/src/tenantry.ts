import { type Lease, requestHostname, TenantryError } from '@tenantry/core'
import { LeaseEnd, openTenants, retryAfterSeconds } from '@tenantry/core/adapter'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest, RegisterOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { RequestTenant, TenantryOptions } from './types.ts'
import { whenMade } from './when-made.ts'

const kLeaseEnd: unique symbol = Symbol('tenantry.leaseEnd')
const kTimeLimited: unique symbol = Symbol('tenantry.timeLimited')

declare module 'fastify' {
  interface FastifyRequest {
    [kLeaseEnd]: LeaseEnd | null
    [kTimeLimited]: boolean
  }
}

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
  // First of all, since these refuse names that are taken, as at a second registration: nothing has been opened by then.
  app.decorate('tenants', { getter: () => tenants.pool })
  app.decorateRequest('tenant', {
    getter(this: FastifyRequest) {
      return leaseOf.call(this).tenant
    },
  })
  app.decorateRequest('tenantLease', { getter: leaseOf })
  app.decorateRequest(kLeaseEnd, null)
  app.decorateRequest(kTimeLimited, false)

  // Fastify's own options of `register` come along.
  const { prefix, logLevel, logSerializers, ...own } = options as typeof options & RegisterOptions
  const tenants = openTenants(own, { hostnameOf, log: app.log })

  app.addHook('onRequest', function leaseTenant(request, reply, next) {
    const { config, handlerTimeout } = request.routeOptions
    if (config?.tenant === false) return next()
    const end = new LeaseEnd(request.raw.socket, reply.raw, tenants.pool.drainTimeoutMs)
    request[kLeaseEnd] = end
    request[kTimeLimited] = handlerTimeout > 0
    if (end.closed) return
    tenants.lease(request, end, (error) => {
      const retryAfter = error && retryAfterSeconds(error)
      if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
      next(error)
    })
  })

  app.addHook('onSend', function noteAnswer(request, _reply, answer, next) {
    // First the hooks that follow: those that do not wait for anything may still look at the tenant.
    next()
    const end = request[kLeaseEnd]
    if (end === null) return
    end.sent()
    if (!isTimedOut(request)) whenMade(answer, () => end.answered())
  })

  // From here on nobody gets a lease, and builds end; requests under way have until the drain deadline. The replica
  // says goodbye at once: what drains is no longer waited for.
  let closed: Promise<void> | undefined
  app.addHook('preClose', function closeTenants(next) {
    closed = tenants.close()
    closed.catch(() => {})
    next()
  })
  app.addHook('onClose', () => closed ?? tenants.close())
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
