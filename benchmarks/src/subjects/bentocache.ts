import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver } from 'bentocache/drivers/redis'
import Fastify from 'fastify'
import { newTenant, type Tenant } from '../tenant.ts'
import type { Subject } from './subject.ts'

/**
 * bentocache: tenants in memory, and a bus (Redis publish and subscribe) that tells every server to drop one. Nothing
 * is asked per request, and nobody notices a message that did not arrive.
 */
export const bentocache: Subject = {
  title: 'bentocache, its bus',
  takesUp: 'soon',

  async serve({ redisUrl, tenants }) {
    const app = Fastify()
    const cache = open(redisUrl, tenants)
    app.decorateRequest('found', null)
    app.addHook('onRequest', async (request) => {
      const host = request.headers.host ?? ''
      request.found = await cache.getOrSetForever<Tenant>({
        key: host,
        factory: () => newTenant(host),
        // What one server has built anew is no news for the others.
        skipBusNotify: true,
      })
    })
    app.addHook('onClose', () => cache.disconnectAll())
    app.get('/', (request) => request.found)
    return app
  },

  async restart(redisUrl, host) {
    const cache = open(redisUrl, 1)
    try {
      await cache.delete({ key: host })
    } finally {
      await cache.disconnectAll()
    }
  },
}

function open(redisUrl: string, maxItems: number): BentoCache<{ tenants: ReturnType<typeof bentostore> }> {
  const { hostname: host, port } = new URL(redisUrl)
  return new BentoCache({
    default: 'tenants',
    stores: {
      tenants: bentostore()
        // As they are: open connections, say, cannot be serialized.
        .useL1Layer(memoryDriver({ maxItems, serialize: false }))
        .useBus(redisBusDriver({ connection: { host, port: Number(port) } })),
    },
  })
}
