// @ts-check
/**
 * Fewer reads of the token store, for a restart that is in force a little later: a tenant that was checked less than a
 * second ago is not checked again.
 *
 *   node examples/max-age.js
 *   curl http://acme.localhost:3000/
 *   redis-cli SET tenantry:tenant:acme.localhost $(openssl rand -hex 16)
 *   curl http://acme.localhost:3000/   # for a second at most it may be built as before
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
  check: { maxAgeMs: 1000 },
})
app.get('/', ({ tenant, tenantLease }) => `${tenant.name}, built at ${tenantLease.builtAt.toISOString()}\n`)

console.log(`Listening on ${await app.listen({ port: Number(PORT) })}`)
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => app.close())
