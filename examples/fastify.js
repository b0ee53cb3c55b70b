// @ts-check
/**
 * Fastify: `request.tenant` is the tenant that the Host header names, fresh on every request.
 *
 *   node examples/fastify.js
 *   curl http://acme.localhost:3000/
 *
 * Rename Acme in `examples/tenants.json`, and nothing changes until a new token restarts it:
 *
 *   redis-cli SET tenantry:tenant:acme.localhost $(openssl rand -hex 16)
 *   curl http://acme.localhost:3000/
 */
import { tenantry } from '@tenantry/fastify'
import { RedisTokenStore } from '@tenantry/redis'
import Fastify from 'fastify'
import { readTenant } from './support/database.js'

const { REDIS_URL = 'redis://localhost', PORT = '3000' } = process.env

const app = Fastify({ logger: true })
await app.register(tenantry, {
  tokens: () => new RedisTokenStore(REDIS_URL),
  load: readTenant,
})
app.get('/', (request) => `Hello from ${request.tenant.name}\n`)

await app.listen({ port: Number(PORT) })
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => app.close())
