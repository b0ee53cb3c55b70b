import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { GroupLoader, RedisGroupCache } from 'layered-loader'
import { newTenant, type Tenant } from '../tenant.ts'
import type { Subject } from './subject.ts'

/**
 * layered-loader 14: a group for each tenant. `RedisGroupCache` reads the group's generation at every `get`, and then
 * the value that is kept in Redis under that generation: two commands, one after the other. What is kept in its memory
 * is not checked against the generation (a message drops it), so there is no memory here. The value is JSON: it can
 * hold a tenant's configuration, but nothing that is open.
 *
 * Requests for one tenant that come while it is being read join that read; so one that comes after a restart may be
 * answered by a read from before it.
 */
export const layeredLoader: Subject = {
  title: 'layered-loader',
  takesUp: 'at once',

  async serve({ redisUrl }) {
    const app = Fastify()
    const { loader, redis } = open(redisUrl)
    app.decorateRequest('found', null)
    app.addHook('onRequest', async (request) => {
      const host = request.headers.host ?? ''
      request.found = await loader.get(host, host)
    })
    app.addHook('onClose', () => redis.disconnect())
    app.get('/', (request) => request.found)
    return app
  },

  async restart(redisUrl, host) {
    const { loader, redis } = open(redisUrl)
    try {
      await loader.invalidateCacheForGroup(host)
    } finally {
      redis.disconnect()
    }
  },
}

function open(redisUrl: string): { loader: GroupLoader<Tenant, string>; redis: Redis } {
  const redis = new Redis(redisUrl)
  // It is typed for ioredis 5; what it calls is the same in 6, which all subjects use.
  const client = redis as unknown as ConstructorParameters<typeof RedisGroupCache>[0]
  const loader = new GroupLoader<Tenant, string>({
    asyncCache: new RedisGroupCache<Tenant>(client, { prefix: 'layered-loader', json: true }),
    dataSources: [
      {
        name: 'tenants',
        getFromGroup: async (host) => newTenant(host),
        getManyFromGroup: async (hosts) => hosts.map(newTenant),
      },
    ],
  })
  return { loader, redis }
}
