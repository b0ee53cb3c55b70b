/** Every public package and every entry point, in TypeScript, in CommonJS: these imports become `require`. */
import assert = require('node:assert/strict')

import { test } from 'node:test'
import { Authority, openDatabase, type Tenant } from '@tenantry/authority'
import { type Lease, MemoryHeartbeats, MemoryTokenStore, TenantPool, TenantryError } from '@tenantry/core'
import { retryAfterSeconds } from '@tenantry/core/adapter'
import { heartbeatSuite } from '@tenantry/core/heartbeat-suite'
import { storeSuite } from '@tenantry/core/store-suite'
import middleware, { TenantryError as MiddlewareError } from '@tenantry/express'
import plugin, { type TenantryOptions } from '@tenantry/fastify'
import { MemcachedTokenStore } from '@tenantry/memcached'
import { type RedisSource, RedisTokenStore } from '@tenantry/redis'
import express from 'express'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import type { Shop } from './shop.mjs'

const { MEMCACHED = '', REDIS_URL = '' } = process.env

const acme: Shop = { name: 'Acme', close: async () => {} }

test('a Fastify server', async () => {
  const options: TenantryOptions = { tokens: new MemoryTokenStore(), load: () => acme }
  const app = Fastify()
  await app.register(plugin, options)
  app.get('/', (request): string => request.tenant.name)
  const { body } = await app.inject({ url: '/', headers: { host: 'acme.localhost' } })
  assert.equal(body, 'Acme')
  await app.close()
})

test('an Express middleware', async () => {
  const tenants = middleware({ tokens: new MemoryTokenStore(), load: () => acme })
  const app = express()
  app.use(tenants)
  app.get('/', (req, res) => {
    const { name }: Shop = req.tenant
    res.send(name)
  })
  assert.equal(await tenants.pool.use('acme', ({ name }: Shop) => name), 'Acme')
  await tenants.close()
})

test('tokens on Redis and on Memcached', async () => {
  const client = new Redis(REDIS_URL)
  const source: RedisSource = client
  for (const tokens of [new RedisTokenStore(source), new MemcachedTokenStore(MEMCACHED)]) {
    const pool = new TenantPool<Shop>({ tokens, load: () => acme })
    const lease: Lease<Shop> = await pool.acquire('acme')
    assert.equal(lease.tenant.name, 'Acme')
    lease.release()
    await pool.close()
    await tokens.close()
  }
  client.disconnect()
})

test('the authority', async () => {
  const authority = new Authority(await openDatabase(undefined))
  await authority.migrate()
  const found: Tenant | undefined = await authority.findTenant('acme')
  assert.equal(found, undefined)
  await authority.close()
})

test('there is one TenantryError', () => {
  const error: TenantryError = new MiddlewareError('TENANTRY_ERR_POOL_CLOSED')
  assert.equal(MiddlewareError, TenantryError)
  assert.equal(retryAfterSeconds(error), 1)
})

const tokens = new MemoryTokenStore()
storeSuite({ test, create: () => tokens })

const heartbeats = new MemoryHeartbeats()
heartbeatSuite({ test, create: () => heartbeats })
