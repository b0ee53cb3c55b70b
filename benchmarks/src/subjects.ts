import tenantry from '@tenantry/fastify'
import { RedisTokenStore } from '@tenantry/redis'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'

interface Tenant {
  readonly name: string
  readonly greeting: string
}

export interface Setting {
  readonly redisUrl: string
  readonly tenants: number
}

/** The host name of one of the tenants. */
export function hostOf(index: number): string {
  return `tenant-${index}.example.com`
}

function newTenant(host: string): Tenant {
  return { name: host, greeting: `Hello from ${host}` }
}

/** The same work for the same tenants: what differs is how a tenant is known to be up to date. */
export const subjects: Record<string, (setting: Setting) => Promise<FastifyInstance>> = {
  /** Not at all: tenants are in memory from the start, and stay. */
  'bare Fastify': async ({ tenants }) => {
    const app = Fastify()
    const byHost = new Map(
      Array.from({ length: tenants }, (_, index) => [hostOf(index), newTenant(hostOf(index))]),
    )
    app.get('/', (request) => byHost.get(request.headers.host ?? ''))
    return app
  },

  /** Tenantry, as it comes. */
  'every-request': async ({ redisUrl, tenants }) => {
    const app = Fastify()
    await app.register(tenantry, {
      tokens: () => new RedisTokenStore(redisUrl),
      load: (host) => newTenant(host),
      maxTenants: Math.max(1000, tenants),
    })
    app.get('/', (request) => request.tenant)
    return app
  },

  /** What people write by hand: an LRU, and one `GET` per request to see whether its entry still holds. */
  'one GET per request': async ({ redisUrl, tenants }) => {
    const app = Fastify()
    const redis = new Redis(redisUrl)
    const cache = new LRUCache<string, { tenant: Tenant; token: string | null }>({
      max: Math.max(1000, tenants),
    })
    app.decorateRequest('found', null)
    app.addHook('onRequest', async (request) => {
      const host = request.headers.host ?? ''
      const token = await redis.get(`by-hand:${host}`)
      let entry = cache.get(host)
      if (entry === undefined || entry.token !== token) {
        entry = { tenant: newTenant(host), token }
        cache.set(host, entry)
      }
      request.found = entry.tenant
    })
    app.addHook('onClose', () => redis.disconnect())
    app.get('/', (request) => request.found)
    return app
  },
}

declare module 'fastify' {
  interface FastifyRequest {
    found: Tenant | null
  }
}
