import Fastify from 'fastify'
import { LRUCache } from 'lru-cache'
import { newTenant, type Tenant } from '../tenant.ts'
import type { Subject } from './subject.ts'

/** A cache that nobody can empty from outside. */
export const lru: Subject = {
  title: 'an LRU, no check',
  takesUp: 'never',

  async serve({ tenants }) {
    const app = Fastify()
    const cache = new LRUCache<string, Tenant>({ max: tenants })
    app.decorateRequest('found', null)
    app.addHook('onRequest', async (request) => {
      const host = request.headers.host ?? ''
      let tenant = cache.get(host)
      if (tenant === undefined) {
        tenant = newTenant(host)
        cache.set(host, tenant)
      }
      request.found = tenant
    })
    app.get('/', (request) => request.found)
    return app
  },
}
