/** Every public package and every entry point, in TypeScript, as a module. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Authority, openDatabase, Reconciler, RestartWriter, type Tenant } from '@tenantry/authority'
import {
  Heartbeat,
  type HeartbeatStore,
  hostDirectory,
  MemoryHeartbeats,
  MemoryTokenStore,
  TenantLifecycle,
  TenantPool,
  type TenantPoolOptions,
  TenantryError,
  type TenantryErrorCode,
  type TokenAnswer,
  type TokenKey,
  type TokenStore,
} from '@tenantry/core'
import { type Log, openTenants, type ServerOptions } from '@tenantry/core/adapter'
import { type HeartbeatSuiteOptions, heartbeatSuite } from '@tenantry/core/heartbeat-suite'
import { type StoreSuiteOptions, storeSuite } from '@tenantry/core/store-suite'
import { tenantry as middleware } from '@tenantry/express'
import tenantry, { hostnameOf, type TenantryOptions } from '@tenantry/fastify'
import { MemcachedTokenStore, type MemcachedTokenStoreOptions } from '@tenantry/memcached'
import { RedisHeartbeats, RedisTokenStore, type RedisTokenStoreOptions } from '@tenantry/redis'
import express from 'express'
import Fastify from 'fastify'
import type { Shop } from './shop.mjs'

const { MEMCACHED = '', REDIS_URL = '' } = process.env

/** A store of one's own, over another one. */
class CountingTokenStore implements TokenStore {
  readonly inner = new MemoryTokenStore()
  reads = 0

  read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    this.reads += 1
    return this.inner.read(keys)
  }
  write(key: TokenKey, token: string): Promise<void> {
    return this.inner.write(key, token)
  }
  claim(key: TokenKey, makeToken: () => string): Promise<string> {
    return this.inner.claim(key, makeToken)
  }
  touch(keys: readonly TokenKey[]): Promise<void> {
    return this.inner.touch(keys)
  }
}

/** What both servers are told. */
function shops(tokens: TokenStore) {
  return {
    tokens,
    load: async (id: string, { signal }: { signal: AbortSignal }) =>
      id === 'acme.localhost' && !signal.aborted ? { name: 'Acme' } : undefined,
    create: ({ name }: { name: string }): Shop => ({ name, close: async () => {} }),
    dispose: (shop: Shop) => shop.close(),
  } satisfies TenantPoolOptions<{ name: string }, Shop>
}

test('a Fastify server', async () => {
  const tokens = new CountingTokenStore()
  const options: TenantryOptions<{ name: string }> = { ...shops(tokens), identify: hostnameOf }
  const app = Fastify()
  await app.register(tenantry, options)
  app.get('/', (request) => {
    const { name }: Shop = request.tenant
    return `${name} ${request.tenantLease.id}`
  })
  app.get('/healthz', { config: { tenant: false } }, () => 'ok')
  await app.listen({ host: '127.0.0.1', port: 0 })
  await servesAcme(app.server)
  assert.equal(app.tenants.stats().tenants, 1)
  assert.ok(tokens.reads > 0)
  await app.close()
})

test('an Express server', async () => {
  const tenants = middleware({ ...shops(new MemoryTokenStore()), check: { maxAgeMs: 50 } })
  const app = express()
  app.use(tenants)
  app.get('/', (req, res) => {
    const { name }: Shop = req.tenant
    res.send(`${name} ${req.tenantLease.id}`)
  })
  const server = createServer(app)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await servesAcme(server)
  await tenants.close()
})

test('an adapter of its own', async () => {
  const log: Log = { info() {}, warn() {}, error() {} }
  const options: ServerOptions<IncomingMessage, { name: string }, Shop> = shops(new MemoryTokenStore())
  const tenants = openTenants(options, { hostnameOf: (request) => request.headers.host ?? '', log })
  const lease = await tenants.pool.acquire('acme.localhost')
  const { name }: Shop = lease.tenant
  assert.equal(name, 'Acme')
  lease.release()
  await tenants.close()
})

test('the pool of a worker, with heartbeats', async () => {
  const store: HeartbeatStore = new MemoryHeartbeats()
  const pool = new TenantPool<{ name: string }, Shop>(shops(new MemoryTokenStore()))
  const heartbeat = new Heartbeat({ pool, store, replica: 'worker-1' })
  const directory = hostDirectory({ lookup: (hostname) => hostname, hostnamesOf: ({ name }: Shop) => [name] })
  assert.equal(typeof pool.byHost(directory), 'function')
  assert.equal(await pool.use('acme.localhost', ({ name }) => name), 'Acme')
  const code: TenantryErrorCode = 'TENANTRY_ERR_TENANT_NOT_FOUND'
  await assert.rejects(
    pool.use('nobody', () => {}),
    (error) => error instanceof TenantryError && error.code === code,
  )
  await heartbeat.close()
  await pool.close()
})

test('tokens on Redis and on Memcached', async () => {
  const onRedis: RedisTokenStoreOptions = { prefix: 'typescript:' }
  const onMemcached: MemcachedTokenStoreOptions = { prefix: 'typescript:' }
  const stores: TokenStore[] = [
    new RedisTokenStore(REDIS_URL, onRedis),
    new MemcachedTokenStore(MEMCACHED, onMemcached),
  ]
  for (const store of stores) {
    await new TenantLifecycle(store).restart('acme')
    const [token] = await store.read(['tenant:acme'])
    assert.equal(typeof token, 'string')
    await store.close?.()
  }
  const heartbeats: HeartbeatStore = new RedisHeartbeats(REDIS_URL)
  assert.deepEqual(await heartbeats.read(), [])
  await heartbeats.close?.()
})

test('the authority', async () => {
  const authority = new Authority(await openDatabase(undefined))
  await authority.migrate()
  const tokens = new MemoryTokenStore()
  const reconciler = new Reconciler({ authority, tokens })
  reconciler.start()
  const acme = { id: 'acme', name: 'Acme', hostnames: ['acme.example'], config: { colour: 'red' } }
  const { restarts } = await authority.createTenant(acme, { by: 'ada' })
  await new RestartWriter({ authority, tokens }).write(restarts)
  const found: Tenant | undefined = await authority.findTenant('acme')
  assert.equal(found?.config.colour, 'red')
  await reconciler.close()
  await authority.close()
})

const tokens = new CountingTokenStore()
const ofStores: StoreSuiteOptions = { test, create: () => tokens }
storeSuite(ofStores)

const heartbeats = new MemoryHeartbeats()
const ofHeartbeats: HeartbeatSuiteOptions = { test, create: () => heartbeats }
heartbeatSuite(ofHeartbeats)

async function servesAcme(server: Server): Promise<void> {
  const { port } = server.address() as AddressInfo
  assert.equal(await ask(port, 'acme.localhost'), 'Acme acme.localhost')
  server.close()
}

async function ask(port: number, host: string): Promise<string> {
  const request = get({ host: '127.0.0.1', port, agent: false, headers: { host } })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return (await response.toArray()).join('')
}
