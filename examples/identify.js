// @ts-check
/**
 * Tenants that are not told apart by host name: here by the path, or else by a header.
 *
 *   node examples/identify.js
 *   curl http://localhost:3000/tenants/acme.localhost
 *   curl -H 'X-Tenant: globex.localhost' http://localhost:3000/
 *   curl http://localhost:3000/        # 404: no tenant is the default
 *
 * A restart is the same as ever: redis-cli SET tenantry:tenant:acme.localhost $(openssl rand -hex 16)
 */
import { tenantry } from '@tenantry/fastify'
import { RedisTokenStore } from '@tenantry/redis'
import Fastify from 'fastify'
import { readTenant } from './support/database.js'

const { REDIS_URL = 'redis://localhost', PORT = '3000' } = process.env

const app = Fastify({ logger: { level: 'warn' } })
await app.register(tenantry, {
  tokens: () => new RedisTokenStore(REDIS_URL),
  load: readTenant,
  // The client says so: that this user may reach this tenant is for your authentication to check, in a later hook.
  identify: ({ params, headers }) =>
    /** @type {{ tenant?: string }} */ (params).tenant ?? headers['x-tenant']?.toString(),
})

for (const path of ['/', '/tenants/:tenant']) {
  app.get(
    path,
    ({ tenant, tenantLease }) => `${tenant.name}, built at ${tenantLease.builtAt.toISOString()}\n`,
  )
}

console.log(`Listening on ${await app.listen({ port: Number(PORT) })}`)
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => app.close())
