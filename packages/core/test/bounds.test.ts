import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { hostDirectory } from '../src/host-directory.ts'
import type { Lease } from '../src/lease.ts'
import { MemoryTokenStore } from '../src/memory-token-store.ts'
import { TenantLifecycle } from '../src/tenant-lifecycle.ts'
import { TenantPool } from '../src/tenant-pool.ts'
import { ALL, ALL_HOSTS, tenantKey } from '../src/token.ts'
import { heapInUse } from './fakes/heap.ts'
import { HeldAuthority } from './fakes/held-authority.ts'
import { settle } from './fakes/manual-clock.ts'
import { FollowedRequest, PoolScene } from './fakes/pool-scene.ts'

const NOT_FOUND = 'TENANTRY_ERR_TENANT_NOT_FOUND'
const QUEUE_FULL = 'TENANTRY_ERR_BUILD_QUEUE_FULL'

/** How often each outcome came. */
function tally(outcomes: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

/** Counts how many calls are under way at a time. */
class Concurrency {
  calls = 0
  most = 0
  #now = 0

  async run<T>(result: T): Promise<T> {
    this.calls += 1
    this.#now += 1
    this.most = Math.max(this.most, this.#now)
    await turn()
    this.#now -= 1
    return result
  }
}

/** A replica with an authority that knows nobody, and a wall with nothing on it. */
function strangersOnly({ maxTenants = 1000 } = {}) {
  const store = new MemoryTokenStore()
  const writes = new Set<string>()
  store.write = async (key) => void writes.add(key)
  const claim = store.claim.bind(store)
  store.claim = (key, newToken) => {
    writes.add(key)
    return claim(key, newToken)
  }
  const authority = new Concurrency()
  const pool = new TenantPool<object>({
    tokens: store,
    load: () => authority.run(undefined),
    maxTenants,
    maxConcurrentBuilds: 4,
    checkTimeoutMs: 60_000,
    unknownForMs: 600_000,
  })
  const acquireHost = pool.byHost(
    hostDirectory({ lookup: () => authority.run(undefined), hostnamesOf: () => [] }),
  )
  const outcome = (lease: Promise<unknown>) => lease.then(String, ({ code }) => code as string)
  /** Unknown ids and unknown hosts by turns. */
  const flood = (from: number, count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        outcome(
          index % 2 === 0 ? pool.acquire(`id-${from + index}`) : acquireHost(`host-${from + index}.example`),
        ),
      ),
    )
  return { pool, authority, writes, flood }
}

t.test('G8: ten thousand unknown ids and hosts, all at once', async (t) => {
  const { pool, authority, writes, flood } = strangersOnly()
  const outcomes = tally(await flood(0, 10_000))
  t.same(Object.keys(outcomes).sort(), [QUEUE_FULL, NOT_FOUND])
  t.ok((outcomes[NOT_FOUND] as number) >= 1000, 'as many as may wait are answered')
  t.equal(authority.calls, outcomes[NOT_FOUND], 'and the authority is not asked for the others')
  t.equal(authority.most, 4, 'never more at a time than lookups have slots')
  t.same([...writes], [ALL_HOSTS], 'no key is written but that of all hosts')
  t.match(pool.stats(), { tenants: 0, draining: 0, leases: 0, buildsRunning: 0, buildsWaiting: 0 })
  await pool.close()
})

t.test('G8: ten thousand unknown ids and hosts, as fast as they can be answered', async (t) => {
  const { pool, authority, writes, flood } = strangersOnly({ maxTenants: 100 })
  async function floodInTurn(from: number) {
    const outcomes: string[] = []
    for (let asked = 0; asked < 10_000; asked += 100) outcomes.push(...(await flood(from + asked, 100)))
    return tally(outcomes)
  }
  t.same(await floodInTurn(0), { [NOT_FOUND]: 10_000 })
  t.equal(authority.calls, 10_000, 'one question for each')
  t.equal(authority.most, 4)

  const before = await heapInUse()
  t.same(await floodInTurn(10_000), { [NOT_FOUND]: 10_000 })
  const grown = (await heapInUse()) - before
  t.ok(grown < 512 * 1024, `ten thousand more take ${grown} bytes more`)
  t.same([...writes], [ALL_HOSTS], 'no key was written but that of all hosts')
  await pool.close()
})

t.test('G8: known tenants do not wait for the slots of unknown ones', async (t) => {
  const authority = new HeldAuthority({ acme: ['a.example'] })
  const scene = new PoolScene(
    { [tenantKey('acme')]: 't1', [ALL]: 'a1', [ALL_HOSTS]: 'h1' },
    { load: authority.load, maxConcurrentBuilds: 2, maxTenants: 100 },
  )
  const { clock, store, pool } = scene
  store.open = true
  authority.hold()
  const acquireHost = pool.byHost(hostDirectory({ lookup: authority.lookup, hostnamesOf: () => [] }))
  const strangers = Array.from({ length: 10 }, (_, index) => scene.acquire(`no-${index}`))
  await clock.turn()
  await clock.turn()
  const hosts = Array.from(
    { length: 10 },
    (_, index) => new FollowedRequest(acquireHost(`no-${index}.example`)),
  )
  await clock.turn()
  t.equal(authority.loads.held.length + authority.lookups.held.length, 2, 'two slots for all of them')
  t.match(pool.stats(), { lookupsRunning: 2, lookupsWaiting: 18, buildsRunning: 0, buildsWaiting: 0 })

  const known = scene.acquire('acme')
  await clock.turn()
  await clock.turn()
  const load = authority.loads.held.find(({ context }) => context.id === 'acme')
  load?.answer()
  await settle()
  t.equal(known.outcome, 't1')
  t.same(
    tally([...strangers, ...hosts].map(({ outcome }) => outcome)),
    { waiting: 20 },
    'while all of them still wait',
  )
})

t.test('G8: a tenant that does not exist is remembered', async (t) => {
  /** A replica that knows nobody, on a wall that has these tokens. */
  function scene(tokens: Record<string, string>, options = {}) {
    const tenants = new Map<string, object>()
    const scene = new PoolScene<object>(tokens, { load: (id) => tenants.get(id), ...options })
    const { clock, store, loads } = scene
    store.open = true
    async function outcome(id = 'acme'): Promise<string> {
      const request = scene.acquire(id)
      for (let turns = 0; request.outcome === 'waiting' && turns < 10; turns += 1) await clock.turn()
      request.lease?.release()
      return request.outcome
    }
    return { tenants, clock, store, loads, outcome, acquire: scene.acquire }
  }
  const present = { [ALL]: 'a1', [ALL_HOSTS]: 'h1' }

  t.test('for at most unknownForMs', async (t) => {
    for (const tokens of [present, {}] as Record<string, string>[]) {
      const { clock, loads, outcome } = scene(tokens, { unknownForMs: 3000 })
      for (let requests = 0; requests < 50; requests += 1) t.equal(await outcome(), NOT_FOUND)
      t.equal(loads.length, 1)
      await clock.advance(2999)
      await outcome()
      t.equal(loads.length, 1)
      await clock.advance(2)
      t.equal(await outcome(), NOT_FOUND)
      t.equal(loads.length, 2, 'being asked for has not kept it alive')
    }
  })

  t.test('until it is created: the next request is served', async (t) => {
    const { tenants, store, outcome } = scene(present)
    t.equal(await outcome(), NOT_FOUND)
    tenants.set('acme', {})
    t.equal(await outcome(), NOT_FOUND, 'not before the manager has written')
    await new TenantLifecycle(store, { newToken: () => 't2' }).hostsChanged(['acme'])
    t.equal(await outcome(), 't2')
  })

  t.test('until any one of its tokens is written', async (t) => {
    for (const key of [tenantKey('acme'), ALL, ALL_HOSTS]) {
      const { tenants, store, outcome } = scene(present)
      await outcome()
      tenants.set('acme', {})
      await store.write(key, 'new')
      const token = await outcome()
      t.equal(token, store.tokens.get(tenantKey('acme')), key)
    }
  })

  t.test('also a deleted one, whose token is still there; until it is created again', async (t) => {
    const { tenants, store, loads, outcome } = scene({ ...present, [tenantKey('acme')]: 't1' })
    for (let requests = 0; requests < 5; requests += 1) t.equal(await outcome(), NOT_FOUND)
    t.equal(loads.length, 1)
    tenants.set('acme', {})
    await store.write(tenantKey('acme'), 't2')
    t.equal(await outcome(), 't2')
  })

  t.test('under the tokens that were read before it was loaded', async (t) => {
    const authority = new HeldAuthority({})
    const { store, clock, outcome, acquire } = scene(present, { load: authority.load })
    authority.hold()
    const request = acquire('acme')
    await clock.turn()
    await clock.turn()
    const load = authority.loads.next().perform()
    authority.tenants.set('acme', [])
    await new TenantLifecycle(store, { newToken: () => 't2' }).hostsChanged(['acme'])
    load.answer()
    await settle()
    t.equal(request.outcome, NOT_FOUND, 'it came before the tenant')
    authority.letGo()
    t.equal(await outcome(), 't2')
  })

  t.test('not when all-hosts could not be read: then it is asked for again', async (t) => {
    const { store, loads, outcome } = scene({ [ALL]: 'a1' })
    store.tokens.set(ALL_HOSTS, new Error('WRONGTYPE'))
    t.equal(await outcome(), NOT_FOUND)
    t.equal(await outcome(), NOT_FOUND)
    t.equal(loads.length, 2)
  })

  t.test('as one of at most maxTenants', async (t) => {
    const { loads, outcome } = scene(present, { maxTenants: 3 })
    for (const id of ['one', 'two', 'three', 'four']) await outcome(id)
    for (const id of ['two', 'three', 'four']) await outcome(id)
    t.equal(loads.length, 4)
    await outcome('one')
    t.equal(loads.length, 5)
  })
})

t.test('ten thousand tenants', async (t) => {
  const ids = Array.from({ length: 10_000 }, (_, index) => `tenant-${index}`)
  const configs = new Map(ids.map((id) => [id, { id }]))
  const loads = new Concurrency()
  const store = new MemoryTokenStore()
  // What comes over a network is a string of its own.
  const read = store.read.bind(store)
  store.read = async (keys) => (await read(keys)).map((token) => token && Buffer.from(`${token}`).toString())
  const lifecycle = new TenantLifecycle(store)
  await lifecycle.restartMany(ids)
  const before = await heapInUse()
  const pool = new TenantPool({
    tokens: store,
    load: (id) => loads.run(configs.get(id)),
    maxTenants: ids.length,
    checkTimeoutMs: 60_000,
  })
  /** Asks for all of them at once; each comes after the last restart. */
  async function acquireAll(): Promise<Lease<object>[]> {
    const leases = await Promise.all(ids.map((id) => pool.acquire(id)))
    for (const lease of leases) lease.release()
    return leases
  }
  const first = (await acquireAll()).map(({ token }) => token)

  t.test('cost at most 1 KiB each, beside what `create` returns', async (t) => {
    const bytes = ((await heapInUse()) - before) / ids.length
    t.equal(pool.stats().tenants, ids.length)
    t.ok(bytes > 0 && bytes <= 1024, `${Math.round(bytes)} bytes for each tenant`)
  })

  t.test('G4: are all restarted at once without a failed request', async (t) => {
    const restarts = {
      'by one write': () => lifecycle.restartAll(),
      'by a write for each': () => lifecycle.restartMany(ids),
    }
    let last: Lease<object>[] = []
    for (const [how, restart] of Object.entries(restarts)) {
      loads.calls = 0
      loads.most = 0
      await restart()
      last = await acquireAll()
      t.equal(loads.calls, ids.length, `${how}: each is loaded once`)
      t.equal(loads.most, 8, `${how}: maxConcurrentBuilds at a time`)
    }
    t.equal(new Set([...first, ...last.map(({ token }) => token)]).size, 2 * ids.length, 'each was restarted')
    t.match(pool.stats(), { tenants: ids.length, draining: 0, leases: 0, buildsRunning: 0, buildsWaiting: 0 })
  })

  t.teardown(() => pool.close())
})
