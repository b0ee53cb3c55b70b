import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { newTenant, type Tenant } from '../tenant.ts'
import type { Subject } from './subject.ts'

/**
 * What people write by hand: an LRU, and one `GET` per request to see whether its entry still holds. No time limit, no
 * token that speaks for all tenants, nothing that waits for the last request of a tenant that was replaced.
 */
function byHand(enableAutoPipelining: boolean): Pick<Subject, 'serve' | 'restart'> {
  return {
    async serve({ redisUrl, tenants }) {
      const app = Fastify()
      const redis = new Redis(redisUrl, { enableAutoPipelining })
      const cache = new LRUCache<string, { tenant: Tenant; token: string | null }>({ max: tenants })
      app.decorateRequest('found', null)
      app.addHook('onRequest', async (request) => {
        const host = request.headers.host ?? ''
        const token = await redis.get(keyOf(host))
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
    async restart(redisUrl, host) {
      const redis = new Redis(redisUrl)
      try {
        await redis.set(keyOf(host), randomUUID())
      } finally {
        redis.disconnect()
      }
    },
  }
}

function keyOf(host: string): string {
  return `by-hand:${host}`
}

export const getPerRequest: Subject = {
  title: 'one `GET`, by hand',
  takesUp: 'at once',
  ...byHand(false),
}

/** ioredis gathers the commands of one turn of the event loop, and sends them in one write. */
export const pipelinedGet: Subject = {
  title: 'the same, autopipelined',
  takesUp: 'at once',
  ...byHand(true),
}
