/** Every public package and every entry point, in JavaScript, as a module. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { test } from 'node:test'
import { Authority, openDatabase, RestartWriter } from '@tenantry/authority'
import {
  MemoryHeartbeats,
  MemoryTokenStore,
  TenantLifecycle,
  TenantPool,
  TenantryError,
} from '@tenantry/core'
import { LeaseEnd, openTenants, retryAfterSeconds } from '@tenantry/core/adapter'
import { heartbeatSuite } from '@tenantry/core/heartbeat-suite'
import { storeSuite } from '@tenantry/core/store-suite'
import { tenantry as middleware } from '@tenantry/express'
import { tenantry as plugin } from '@tenantry/fastify'
import { MemcachedTokenStore } from '@tenantry/memcached'
import { RedisHeartbeats, RedisTokenStore } from '@tenantry/redis'
import express from 'express'
import Fastify from 'fastify'

const { MEMCACHED, REDIS_URL } = process.env

test('a Fastify server', async () => {
  const shops = newShops()
  const app = Fastify()
  await app.register(plugin, shops.options)
  app.get('/', (request) => request.tenant.name)
  await app.listen({ host: '127.0.0.1', port: 0 })
  await servesShops(app.server, shops)
  await app.close()
})

test('an Express server', async () => {
  const shops = newShops()
  const tenants = middleware(shops.options)
  const app = express()
  app.use(tenants)
  app.get('/', (req, res) => res.send(req.tenant.name))
  await servesShops(await listen(createServer(app)), shops)
  await tenants.close()
})

test('a plain server, by an adapter of its own', async () => {
  const shops = newShops()
  const hostnameOf = (request) => request.headers.host
  const tenants = openTenants(shops.options, { hostnameOf, log: console })
  const server = createServer((request, response) => {
    const end = new LeaseEnd(request.socket, response, tenants.pool.drainTimeoutMs)
    tenants.lease(request, end, (error) => {
      if (error) response.writeHead(error.statusCode).end(error.code)
      else response.end(end.lease.tenant.name)
    })
  })
  await servesShops(await listen(server), shops)
  await tenants.close()
  assert.equal(retryAfterSeconds(new TenantryError('TENANTRY_ERR_POOL_CLOSED')), 1)
})

test('tokens on Redis and on Memcached', async () => {
  for (const store of [new RedisTokenStore(REDIS_URL), new MemcachedTokenStore(MEMCACHED)]) {
    const pool = new TenantPool({ tokens: store, load: (id) => ({ id }) })
    const first = await pool.use('acme', (tenant) => tenant)
    await new TenantLifecycle(store).restart('acme')
    assert.notEqual(await pool.use('acme', (tenant) => tenant), first)
    await pool.close()
    await store.close()
  }
})

test('heartbeats on Redis', async () => {
  const store = new RedisHeartbeats(REDIS_URL)
  assert.deepEqual(await store.read(), [])
  await store.close()
})

test('the authority', async () => {
  const authority = new Authority(await openDatabase(undefined))
  await authority.migrate()
  const tokens = new MemoryTokenStore()
  const acme = { id: 'acme', name: 'Acme', hostnames: ['acme.example'], config: {} }
  const { restarts } = await authority.createTenant(acme, { by: 'ada' })
  assert.equal((await new RestartWriter({ authority, tokens }).write(restarts)).written, true)
  assert.equal(await authority.findTenantIdByHostname('acme.example'), 'acme')
  // All packages throw what this one's `instanceof` knows.
  await assert.rejects(authority.createTenant(acme, { by: 'ada' }), TenantryError)
  await authority.close()
})

const tokens = new MemoryTokenStore()
storeSuite({ test, create: () => tokens })

const heartbeats = new MemoryHeartbeats()
heartbeatSuite({ test, create: () => heartbeats })

function newShops() {
  const configurations = new Map([['acme.localhost', { name: 'Acme' }]])
  const tokens = new MemoryTokenStore()
  return { configurations, tokens, options: { tokens, load: (id) => configurations.get(id) } }
}

async function servesShops(server, { configurations, tokens }) {
  const { port } = server.address()
  assert.equal((await ask(port, 'acme.localhost')).body, 'Acme')
  assert.equal((await ask(port, 'nobody.localhost')).statusCode, 404)
  configurations.set('acme.localhost', { name: 'Acme & Sons' })
  await new TenantLifecycle(tokens).restart('acme.localhost')
  assert.equal((await ask(port, 'acme.localhost')).body, 'Acme & Sons')
  server.close()
}

async function listen(server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

async function ask(port, host) {
  const [response] = await once(get({ host: '127.0.0.1', port, agent: false, headers: { host } }), 'response')
  return { statusCode: response.statusCode, body: (await response.toArray()).join('') }
}
