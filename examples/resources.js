// @ts-check
/**
 * What a tenant is made of: here a connection of its own, opened by `create` and closed by `dispose`.
 *
 *   node examples/resources.js
 *   curl http://acme.localhost:3000/messages -d hello
 *   redis-cli SET tenantry:tenant:acme.localhost $(openssl rand -hex 16)
 *   curl http://acme.localhost:3000/messages -d again
 *
 * The second request opens a new connection, and the old one closes; but while requests that came before the restart
 * are still under way, both are open: each request ends with the one that it began with.
 */
import { tenantry } from '@tenantry/fastify'
import { RedisTokenStore } from '@tenantry/redis'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { readTenant } from './support/database.js'

const { REDIS_URL = 'redis://localhost', PORT = '3000' } = process.env

const app = Fastify({ logger: { level: 'warn' } })
await app.register(tenantry, {
  tokens: () => new RedisTokenStore(REDIS_URL),
  load: readTenant,
  create: async ({ name }, { id, signal }) => {
    const redis = new Redis(REDIS_URL, { connectionName: id, keyPrefix: `${id}:`, lazyConnect: true })
    redis.on('error', (error) => console.error(`The connection of ${id}: ${error.message}`))
    // The time for the build is up, or the server closes: nobody waits for the connection any more.
    signal.addEventListener('abort', () => redis.disconnect(), { once: true })
    // A tenant whose connection cannot be made is not built: its requests get 503, and later ones try again. What was
    // made by then is ended here, since there is nothing to dispose of.
    await redis.connect().catch((error) => {
      redis.disconnect()
      throw error
    })
    console.log(`Opened the connection of ${id}`)
    return { name, redis }
  },
  // After the last request, or 20 s after the restart even if a request is still at work.
  dispose: ({ redis }, { id }) => {
    // Not quit(), which waits for an answer, and so without end for a Redis that is silent.
    redis.disconnect()
    console.log(`Closed the connection of ${id}`)
  },
  drainTimeoutMs: 20_000,
})

app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
app.post('/messages', async ({ tenant, body }) => {
  const count = await tenant.redis.rpush('messages', body)
  return `${tenant.name} has ${count} messages\n`
})

console.log(`Listening on ${await app.listen({ port: Number(PORT) })}`)
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => app.close())
