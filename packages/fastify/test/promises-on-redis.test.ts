import type { AddressInfo } from 'node:net'
import { TenantLifecycle } from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'
import { type Answer, ask, eventually, type RedisServer, startRedis } from '@tenantry/testing'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { tenantry } from '../src/index.ts'

interface Shop {
  readonly id: string
  readonly version: number
  disposals: number
}

/** A server on a Redis of its own; `load` counts, and is held or fails as the test says. */
async function serve(t: Test) {
  const redis: RedisServer = await startRedis()
  const store = new RedisTokenStore(redis.url)
  const shops: Shop[] = []
  const world = { version: 1, loads: 0, loading: 0, mostLoading: 0, broken: new Set<string>() }
  let answerSlow: () => void = () => {}
  const slow = new Promise<void>((resolve) => {
    answerSlow = resolve
  })
  const app = Fastify()
  await app.register(tenantry, {
    tokens: () => new RedisTokenStore(redis.url),
    load: async (id) => {
      if (id.startsWith('nobody')) return undefined
      world.loads += 1
      world.loading += 1
      world.mostLoading = Math.max(world.mostLoading, world.loading)
      await new Promise((resolve) => setImmediate(resolve))
      world.loading -= 1
      if (world.broken.has(id)) throw new Error('no such table: shops')
      return { id, version: world.version }
    },
    create: (config) => {
      const shop = { ...config, disposals: 0 }
      shops.push(shop)
      return shop
    },
    dispose: (shop) => {
      shop.disposals += 1
    },
  })
  app.get('/', async ({ tenant }) => tenant)
  app.get('/slow', async (request) => {
    const before: unknown = request.tenant
    await slow
    return { ...(before as Shop), same: request.tenant === before }
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => {
    await app.close()
    await store.close()
    await redis.stop()
  })
  const { port } = app.server.address() as AddressInfo
  const get = (host: string, path = '/'): Promise<Answer> => ask(port, path, { headers: { host } })
  return {
    app,
    get,
    world,
    shops,
    redis,
    lifecycle: new TenantLifecycle(store),
    answerSlow: () => answerSlow(),
  }
}

t.test('on a real Redis', async (t) => {
  t.test(
    'G1, G2, G3: a request keeps its tenant across a restart, and only then is it disposed of',
    async (t) => {
      const { app, get, world, shops, lifecycle, answerSlow } = await serve(t)
      await get('acme.test')
      const old = shops.at(-1) as Shop
      const underWay = get('acme.test', '/slow')
      await eventually(async () => app.tenants.stats().leases === 1)

      world.version = 2
      await lifecycle.restart('acme.test')
      t.match((await get('acme.test')).json(), { version: 2 })
      t.equal(old.disposals, 0)
      t.match(app.tenants.stats(), { draining: 1, leases: 1 })

      answerSlow()
      t.match((await underWay).json(), { version: 1, disposals: 0, same: true })
      await eventually(async () => old.disposals === 1)
      t.match(app.tenants.stats(), { draining: 0, leases: 0, tenants: 1 })
      await app.close()
      t.same(new Set(shops.map(({ disposals }) => disposals)), new Set([1]))
    },
  )

  t.test('G4: many requests after a restart cause one build at a time, and at most one more', async (t) => {
    const { get, world, lifecycle } = await serve(t)
    await get('acme.test')
    await lifecycle.restart('acme.test')
    Object.assign(world, { loads: 0, mostLoading: 0, version: 2 })
    const answers = await Promise.all(Array.from({ length: 50 }, () => get('acme.test')))
    t.same(new Set(answers.map((answer) => answer.json().version)), new Set([2]))
    t.equal(world.mostLoading, 1)
    t.ok(world.loads <= 2, `${world.loads} loads`)
  })

  t.test(
    'G7: a tenant that cannot be built hurts its own requests only, until it is restarted',
    async (t) => {
      const { get, world, lifecycle } = await serve(t)
      await lifecycle.restartAll()
      await lifecycle.restartMany(['acme.test', 'broken.test'])
      world.broken.add('broken.test')
      for (let request = 0; request < 5; request += 1) {
        const { status, headers, body } = await get('broken.test')
        t.equal(status, 503)
        t.match(headers, { 'retry-after': /^[1-9]/ })
        t.match(body, 'TENANTRY_ERR_BUILD_FAILED')
        t.notMatch(body, 'table')
        t.equal((await get('acme.test')).status, 200)
      }
      t.equal(world.loads, 2, 'one of each')
      world.broken.clear()
      await lifecycle.restart('broken.test')
      t.equal((await get('broken.test')).status, 200)
    },
  )

  t.test('G5, G8, G9: keys that vanish, hosts that nobody knows, and hosts that are none', async (t) => {
    const { get, world, redis } = await serve(t)
    for (const host of ['nobody-1.test', 'nobody-2.test']) t.equal((await get(host)).status, 404)
    t.equal(await redis.cli('KEYS', '*'), 'tenantry:all-hosts')

    t.match((await get('acme.test')).json(), { id: 'acme.test', version: 1 })
    world.version = 2
    await redis.cli('FLUSHALL')
    t.match((await get('acme.test')).json(), { version: 2 })

    t.match((await get('beta.test:80')).json(), { id: 'beta.test' })
    for (const host of ['acme.test, beta.test', 'acme.test@beta.test', '127.0.0.1', 'acme..test']) {
      const { status, body } = await get(host)
      t.equal(status, 400, host)
      t.match(body, 'TENANTRY_ERR_HOST_INVALID')
    }
  })
})
