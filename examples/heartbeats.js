// @ts-check
/**
 * A replica that tells, by heartbeats, which tenants it holds and under which tokens. `convergence.js` reads that.
 *
 *   PORT=3001 node examples/heartbeats.js
 *   PORT=3002 node examples/heartbeats.js   # in a second terminal; then, in a third:
 *   curl http://acme.localhost:3001/ http://acme.localhost:3002/
 *   node examples/convergence.js acme.localhost
 */
import { randomUUID } from 'node:crypto'
import { tenantry } from '@tenantry/fastify'
import { RedisHeartbeats, RedisTokenStore } from '@tenantry/redis'
import Fastify from 'fastify'
import { readTenant } from './support/database.js'

const { REDIS_URL = 'redis://localhost', PORT = '3000' } = process.env

const app = Fastify({ logger: { level: 'warn' } })
await app.register(tenantry, {
  tokens: () => new RedisTokenStore(REDIS_URL),
  load: readTenant,
  // A name of its own for every process: it is no address, and nobody has to reach it.
  heartbeat: { replica: `replica-${randomUUID()}`, store: () => new RedisHeartbeats(REDIS_URL) },
})
app.get('/', (request) => `Hello from ${request.tenant.name}\n`)

console.log(`Listening on ${await app.listen({ port: Number(PORT) })}`)
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => app.close())
