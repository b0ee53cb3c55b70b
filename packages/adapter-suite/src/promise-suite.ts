import { TenantLifecycle } from '@tenantry/core'
import { type Answer, ask, eventually } from '@tenantry/testing'
import type { Test } from 'tap'
import type { Adapter } from './adapter.ts'
import type { TestTenant } from './visit.ts'
import type { Wall } from './walls/wall.ts'

interface Shop extends TestTenant {
  readonly version: number
}

/** The promises, each in short, through an adapter and a real wall. */
export function promiseSuite(t: Test, adapter: Adapter, wall: Wall): void {
  t.test(`${adapter.name} on a real ${wall.name}`, async (t) => {
    const open = (t: Test) => openShops(t, adapter, wall)

    t.test(
      'G1, G2, G3: a request keeps its tenant across a restart, and only then is it disposed of',
      async (t) => {
        const { served, get, world, shops, lifecycle, answerSlow } = await open(t)
        const { pool } = served
        await get('acme.test')
        const old = shops.at(-1) as Shop
        const underWay = get('acme.test', '/slow')
        await eventually(async () => pool.stats().leases === 1, { timeoutMs: 10_000 })

        world.version = 2
        await lifecycle.restart('acme.test')
        t.match((await get('acme.test')).json(), { version: 2 })
        t.equal(old.disposals, 0)
        t.match(pool.stats(), { draining: 1, leases: 1 })

        answerSlow()
        t.match((await underWay).json(), { version: 1, disposals: 0, same: true })
        await eventually(async () => old.disposals === 1, { timeoutMs: 10_000 })
        t.match(pool.stats(), { draining: 0, leases: 0, tenants: 1 })
        await served.close()
        t.same(new Set(shops.map(({ disposals }) => disposals)), new Set([1]))
      },
    )

    t.test('G4: many requests after a restart cause one build at a time, and at most one more', async (t) => {
      const { get, world, lifecycle } = await open(t)
      await get('acme.test')
      await lifecycle.restart('acme.test')
      Object.assign(world, { loads: 0, mostLoading: 0, version: 2 })
      const answers = await Promise.all(Array.from({ length: 50 }, () => get('acme.test')))
      t.same(new Set(answers.map((answer) => answer.json().version)), new Set([2]))
      t.equal(world.mostLoading, 1)
      t.ok(world.loads <= 2, `${world.loads} loads`)
    })

    t.test('G6: a wall that is silent, and then gone', async (t) => {
      const { served, get, world, lifecycle, server } = await open(t)
      await get('acme.test')
      server.pause()
      t.match((await get('acme.test')).json(), { version: 1 }, 'what is in memory is served')
      await eventually(() => served.pool.stats().store === 'unreachable', { timeoutMs: 10_000 })
      const stranger = await get('beta.test')
      t.equal(stranger.status, 503)
      t.match(stranger.body, 'TENANTRY_ERR_STORE_UNREACHABLE')
      server.resume()
      await eventually(() => served.pool.stats().store === 'reachable', { timeoutMs: 20_000 })
      world.version = 2
      await lifecycle.restart('acme.test')
      t.match((await get('acme.test')).json(), { version: 2 }, 'G1: a restart right after it is back')

      await server.kill()
      t.match((await get('acme.test')).json(), { version: 2 })
      t.match((await get('beta.test')).body, 'TENANTRY_ERR_STORE_UNREACHABLE')
      world.version = 3
      await server.restart()
      await eventually(() => served.pool.stats().store === 'reachable', { timeoutMs: 20_000 })
      t.match((await get('acme.test')).json(), { version: 3 }, 'G5: it comes back empty')
    })

    t.test(
      'G7: a tenant that cannot be built hurts its own requests only, until it is restarted',
      async (t) => {
        const { get, world, lifecycle } = await open(t)
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
      const { get, world, server } = await open(t)
      for (const host of ['nobody-1.test', 'nobody-2.test']) t.equal((await get(host)).status, 404)
      t.strictSame(await server.keys(), ['all-hosts'])

      t.match((await get('acme.test')).json(), { id: 'acme.test', version: 1 })
      world.version = 2
      await server.flush()
      t.match((await get('acme.test')).json(), { version: 2 })

      t.match((await get('beta.test:80')).json(), { id: 'beta.test' })
      for (const host of ['acme.test, beta.test', 'acme.test@beta.test', '127.0.0.1', 'acme..test']) {
        const { status, body } = await get(host)
        t.equal(status, 400, host)
        t.match(body, 'TENANTRY_ERR_HOST_INVALID')
      }
    })
  })
}

/** Shops on a wall of their own; `load` counts, and fails as the test says. */
async function openShops(t: Test, adapter: Adapter, wall: Wall) {
  const server = await wall.start()
  t.teardown(() => server.stop())
  const store = server.open()
  t.teardown(() => store.close?.())
  const shops: Shop[] = []
  const world = { version: 1, loads: 0, loading: 0, mostLoading: 0, broken: new Set<string>() }
  let answerSlow: () => void = () => {}
  const slow = new Promise<void>((resolve) => {
    answerSlow = resolve
  })
  const served = await adapter.serve({
    tenants: {
      tokens: () => server.open(),
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
        const shop = { ...config, generation: shops.length, disposals: 0 }
        shops.push(shop)
        return shop
      },
      dispose: (shop) => {
        shop.disposals += 1
      },
    },
    routes: {
      '/': ({ tenant }) => tenant,
      async '/slow'(visit) {
        const before = visit.tenant
        await slow
        return { ...before, same: visit.tenant === before }
      },
    },
  })
  t.teardown(() => served.close())
  return {
    served,
    get: (host: string, path = '/'): Promise<Answer> => ask(served.port, path, { headers: { host } }),
    world,
    shops,
    server,
    lifecycle: new TenantLifecycle(store),
    answerSlow: () => answerSlow(),
  }
}
