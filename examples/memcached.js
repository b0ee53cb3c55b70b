// @ts-check
/**
 * Tokens in Memcached. Give it memory of its own: what it evicts is rebuilt.
 *
 *   node examples/memcached.js
 *   curl http://acme.localhost:3000/
 *   printf 'set tenantry:tenant:acme.localhost 0 604800 32\r\n%s\r\nquit\r\n' $(openssl rand -hex 16) | nc localhost 11211
 *   curl http://acme.localhost:3000/
 */
import { tenantry } from '@tenantry/fastify'
import { MemcachedTokenStore } from '@tenantry/memcached'
import Fastify from 'fastify'
import { readTenant } from './support/database.js'

const { MEMCACHED = 'localhost:11211', PORT = '3000' } = process.env

const app = Fastify({ logger: { level: 'warn' } })
await app.register(tenantry, {
  tokens: () => new MemcachedTokenStore(MEMCACHED.split(',')),
  load: readTenant,
})
app.get('/', ({ tenant, tenantLease }) => `${tenant.name}, built at ${tenantLease.builtAt.toISOString()}\n`)

console.log(`Listening on ${await app.listen({ port: Number(PORT) })}`)
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => app.close())
