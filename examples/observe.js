// @ts-check
/**
 * What there is to watch: the pool's events, its numbers, and tracing channels.
 *
 *   node examples/observe.js
 *   curl http://acme.localhost:3000/
 *   redis-cli SET tenantry:tenant:acme.localhost $(openssl rand -hex 16)
 *   curl http://acme.localhost:3000/
 *   curl http://localhost:3000/stats
 *
 * Stop Redis and start it again, and break `examples/tenants.json` before a restart, to see more. Of each event, channel
 * and number: docs/reference/metrics.md.
 */
import { tracingChannel } from 'node:diagnostics_channel'
import { tenantry } from '@tenantry/fastify'
import { RedisTokenStore } from '@tenantry/redis'
import Fastify from 'fastify'
import { readTenant } from './support/database.js'

const { REDIS_URL = 'redis://localhost', PORT = '3000' } = process.env

const app = Fastify()
await app.register(tenantry, { tokens: () => new RedisTokenStore(REDIS_URL), load: readTenant })

// Events tell of changes, never of requests.
app.tenants
  .on('replaced', ({ id }) => console.log(`${id} left the pool: its token has changed`))
  .on('disposed', ({ id, leases }) => console.log(`${id} was disposed of, ${leases} leases left`))
  .on('buildFailed', ({ id, error }) => console.log(`${id} could not be built: ${error}`))
  .on('storeUnreachable', () => console.log('The token store does not answer'))
  .on('storeReachable', ({ afterMs }) => console.log(`The token store answers again, after ${afterMs} ms`))

// Channels tell of every build, and of every check that asks the store.
tracingChannel('tenantry:build').asyncEnd.subscribe((message) => {
  const { id, result = 'failed', loadMs } = /** @type {import('@tenantry/core').BuildTrace} */ (message)
  console.log(`A build of ${id}: ${result}, load took ${loadMs} ms`)
})

/** How many checks ended in which way. @type {Record<string, number>} */
const checks = {}
tracingChannel('tenantry:check').asyncEnd.subscribe((message) => {
  const { result = 'unanswered' } = /** @type {import('@tenantry/core').CheckTrace} */ (message)
  checks[result] = (checks[result] ?? 0) + 1
})

app.get('/', (request) => `Hello from ${request.tenant.name}\n`)
// Not for strangers: in your program, on a port of its own or behind authentication.
app.get('/stats', { config: { tenant: false } }, () => ({ ...app.tenants.stats(), checks }))

console.log(`Listening on ${await app.listen({ port: Number(PORT) })}`)
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => app.close())
