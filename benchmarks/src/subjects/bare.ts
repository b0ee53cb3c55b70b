import Fastify from 'fastify'
import { hostOf, newTenant } from '../tenant.ts'
import type { Subject } from './subject.ts'

/** All tenants in a map from the start: nothing is checked, loaded or dropped. Everything else is a ratio to this. */
export const bare: Subject = {
  title: 'bare Fastify',
  takesUp: 'never',

  async serve({ tenants }) {
    const app = Fastify()
    const hosts = Array.from({ length: tenants }, (_, index) => hostOf(index))
    const byHost = new Map(hosts.map((host) => [host, newTenant(host)]))
    app.get('/', (request, reply) => byHost.get(request.headers.host ?? '') ?? reply.code(404).send())
    return app
  },
}
