import t from 'tap'
import { TenantryError } from '../src/errors.ts'
import { PooledTenants } from '../src/pooled-tenants.ts'
import { ManualClock, settle } from './fakes/manual-clock.ts'
import { Replica } from './fakes/replica.ts'
import { mustEndWell, scenario } from './fakes/scenario.ts'

scenario('G3: a tenant that was replaced is disposed of after its last lease', {}, async (t, replica) => {
  const one = await replica.served('acme')
  const other = await replica.served('acme')
  replica.manager.restart('acme')
  await replica.served('acme')
  t.match(replica.pool.stats(), { tenants: 1, draining: 1, leases: 3 })

  one.release()
  await settle()
  t.same(replica.disposals('acme'), ['1: 0', '2: 0'])
  other.release()
  await settle()
  t.same(replica.disposals('acme'), ['1: 1', '2: 0'])
  t.match(replica.pool.stats(), { tenants: 1, draining: 0, leases: 1 })
})

scenario('G3: a lease that is released twice is released once', {}, async (t, replica) => {
  const one = await replica.served('acme')
  const other = await replica.served('acme')
  one.release()
  one.release()
  t.equal(replica.pool.stats().leases, 1)
  replica.manager.restart('acme')
  await replica.served('acme')
  t.same(replica.disposals('acme'), ['1: 0', '2: 0'])

  other.release()
  other.release()
  one.release()
  await settle()
  t.same(replica.disposals('acme'), ['1: 1', '2: 0'])
  t.equal(replica.pool.stats().leases, 1)
})

scenario(
  'G3: a tenant without leases stays in the pool, and is disposed of when it leaves',
  {},
  async (t, replica) => {
    const first = await replica.served('acme')
    first.release()
    await settle()
    t.same(replica.disposals('acme'), ['1: 0'])

    replica.manager.restart('acme')
    replica.request('acme')
    await replica.answerRead()
    t.same(replica.disposals('acme'), ['1: 1'], 'before the next is built')
  },
)

for (const drainTimeoutMs of [undefined, 500, 0]) {
  scenario(
    `G3: at the drain deadline a tenant is disposed of once, leases or not (${drainTimeoutMs ?? 'default'})`,
    drainTimeoutMs === undefined ? {} : { drainTimeoutMs },
    async (t, replica) => {
      const [one, other] = [await replica.served('acme'), await replica.served('acme')]
      replica.manager.restart('acme')
      const { clock } = replica
      // Not `served`: the deadline counts from when it left.
      replica.request('acme')
      await replica.answerRead()
      t.same(replica.disposals('acme'), ['1: 0'])
      const deadline = clock.now() + replica.pool.drainTimeoutMs
      t.equal(replica.pool.drainTimeoutMs, drainTimeoutMs ?? 30_000)
      if (drainTimeoutMs !== 0) await clock.advance(deadline - clock.now() - 1)
      t.same(replica.disposals('acme')[0], '1: 0')
      await clock.advance(deadline - clock.now())
      t.same(replica.disposals('acme')[0], '1: 1')
      t.match(replica.told.find(([name]) => name === 'disposed')?.[1], {
        id: 'acme',
        token: 'acme 0',
        leases: 2,
      })

      one.release()
      other.release()
      await clock.advance(60_000)
      t.same(replica.disposals('acme')[0], '1: 1')
      t.equal(one.lease?.tenant.version, 1, 'a lease that went on has its tenant still')
    },
  )
}

scenario('a tenant that drained in time leaves no timer', {}, async (t, replica) => {
  const first = await replica.served('acme')
  const timers = replica.clock.timers
  replica.manager.restart('acme')
  await replica.served('acme')
  t.equal(replica.clock.timers, timers + 1)
  first.release()
  t.equal(replica.clock.timers, timers)
})

scenario(
  'G3: an evicted tenant is disposed of after its last lease',
  { maxTenants: 1 },
  async (t, replica) => {
    const acme = await replica.served('acme')
    await replica.served('ball')
    t.same(replica.events, ['built', 'built', 'evicted'])
    t.equal(acme.lease?.signal.reason.code, 'TENANTRY_ERR_TENANT_EVICTED')
    t.match(replica.pool.stats(), { tenants: 1, draining: 1, leases: 2 })

    acme.release()
    await settle()
    t.same(replica.disposals('acme'), ['1: 1'])
    t.equal(
      (await replica.served('acme')).lease?.tenant,
      replica.made[2],
      'and built anew for the next request',
    )
  },
)

scenario('the least recently used tenant is evicted', { maxTenants: 2 }, async (t, replica) => {
  for (const id of ['acme', 'ball', 'acme', 'cape']) await replica.served(id)
  t.equal(replica.told.find(([name]) => name === 'evicted')?.[1].id, 'ball')
})

scenario(
  'G3: a tenant evicted between its lease and its check is served to its holder, then disposed of',
  { maxTenants: 1 },
  async (t, replica) => {
    const first = await replica.served('acme')
    first.release()
    const request = replica.request('acme')
    await replica.clock.turn()
    const read = replica.store.next('read').perform()
    await replica.served('ball')
    t.same(replica.disposals('acme'), ['1: 0'])

    read.answer()
    await settle()
    t.equal(request.lease?.tenant, replica.made[0])
    t.equal(request.lease?.signal.reason.code, 'TENANTRY_ERR_TENANT_EVICTED')
    t.same(replica.disposals('acme'), ['1: 0'])
    request.release()
    await settle()
    t.same(replica.disposals('acme'), ['1: 1'])
  },
)

scenario(
  'a tenant evicted between its lease and its check, which is not answered: 503, and it is disposed of',
  { maxTenants: 1 },
  async (t, replica) => {
    const first = await replica.served('acme')
    first.release()
    const request = replica.request('acme')
    await replica.clock.turn()
    const read = replica.store.next('read')
    await replica.served('ball')
    read.fail(new Error('connection lost'))
    await settle()

    t.equal(request.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')
    t.same(replica.disposals('acme'), ['1: 1'])
  },
)

scenario(
  'G1, G3: a tenant evicted between its lease and its check, which finds that it was restarted, is not served',
  { maxTenants: 1 },
  async (t, replica) => {
    const first = await replica.served('acme')
    first.release()
    replica.manager.restart('acme')
    const request = replica.request('acme')
    await replica.clock.turn()
    const read = replica.store.next('read').perform()
    await replica.served('ball')
    read.answer()
    await settle()
    t.same(replica.disposals('acme'), ['1: 1'])

    await replica.answerRead()
    t.equal(request.outcome, 'acme 2')
  },
)

scenario(
  'an eviction during a build: what is built enters, and evicts in its turn',
  { maxTenants: 1 },
  async (t, replica) => {
    await replica.served('acme')
    replica.manager.restart('acme')
    replica.loads.holding = true
    const acme = await replica.building('acme')
    const load = replica.loads.next()
    replica.loads.holding = false
    const ball = await replica.served('ball')
    load.answer()
    await settle()

    t.equal(acme.outcome, 'acme 2')
    t.equal(replica.pool.stats().tenants, 1)
    t.notOk(acme.lease?.signal.aborted)
    t.equal(ball.lease?.signal.reason.code, 'TENANTRY_ERR_TENANT_EVICTED')
  },
)

t.test('G3: a tenant whose place another one of the same id takes is disposed of, too', async (t) => {
  const disposed: string[] = []
  const options = { clock: new ManualClock(), drainTimeoutMs: 1000, maxTenants: 2 }
  const tenants = new PooledTenants<string>(
    { ...options, dispose: (tenant) => void disposed.push(tenant) },
    () => {},
  )
  const stamped = (token: string, order: number) => ({ token, order, at: 0 })
  for (const [index, tenant] of ['first', 'second'].entries()) {
    const stamp = { tenant: stamped(tenant, index), all: stamped('all', index) }
    tenants.enter(tenants.create({ key: 'tenant:acme', id: 'acme', tenant, stamp }))
  }
  await settle()
  t.same(disposed, ['first'])
  t.equal(tenants.size, 1)
  t.equal(tenants.heldOf('tenant:acme')?.token, 'second')
  await tenants.close(new TenantryError('TENANTRY_ERR_POOL_CLOSED'))
  t.same(disposed, ['first', 'second'])
})

/** A build that finds acme in the pool while acme is about to leave it: evicted for ball, or outdated by a check of cape. */
async function findingWhat(how: 'evicted' | 'outdated') {
  const replica = new Replica({ maxTenants: 1 })
  replica.creates.holding = true
  await replica.building('ball')
  replica.creates.holding = false
  const first = replica.request('acme')
  await replica.answerRead()
  await replica.clock.turn()
  const read = replica.store.next('read').perform()
  // It waits for a build of its own, since the tokens of the first build are not known yet.
  const request = replica.request('acme')
  await replica.answerRead()
  read.answer()
  await settle()
  first.release()
  await replica.clock.turn()
  const finding = replica.store.next('read').perform()
  replica.manager.restartAll()
  replica.request('cape')
  await replica.clock.turn()
  const ending = how === 'evicted' ? replica.creates.next() : replica.store.next('read')
  return { replica, request, finding, ending, site: first.lease?.tenant }
}

for (const how of ['evicted', 'outdated'] as const) {
  t.test(
    `G3: a build finds a tenant that is ${how} just then: it is not disposed of under those who waited`,
    async (t) => {
      let served = 0
      for (const order of ['found first', 'gone first']) {
        for (let microtasks = 0; microtasks <= 15; microtasks += 1) {
          const { replica, request, finding, ending, site } = await findingWhat(how)
          const [one, other] = order === 'found first' ? [finding, ending] : [ending, finding]
          one.answer()
          for (let microtask = 0; microtask < microtasks; microtask += 1) await null
          other.answer()
          await settle()
          if (request.lease?.tenant === site) {
            served += 1
            t.equal(site?.disposals, 0, `${order}, ${microtasks} microtasks between`)
          }
          await mustEndWell(t, replica)
        }
      }
      t.ok(served >= 10, `${served} times it was found before it was gone`)
    },
  )
}

scenario(
  'the signal of a lease fires when its tenant leaves the pool, not before',
  {},
  async (t, replica) => {
    const { lease } = await replica.served('acme')
    const { lease: other } = await replica.served('acme')
    const fired: unknown[] = []
    lease?.signal.addEventListener('abort', () => fired.push(lease.signal.reason))
    other?.release()
    t.notOk(lease?.signal.aborted)

    replica.manager.restart('acme')
    await replica.served('acme')
    t.match(fired, [{ name: 'TenantryError', code: 'TENANTRY_ERR_TENANT_RESTARTED' }])
    t.equal(other?.signal.reason, fired[0], 'also where it is asked for only now, after the release')
  },
)

scenario(
  'the signal of a lease that is first asked for late has fired, with the reason',
  {},
  async (t, replica) => {
    const { lease } = await replica.served('acme')
    replica.manager.restart('acme')
    await replica.served('acme')

    t.ok(lease?.signal.aborted)
    t.match(lease?.signal.reason, { code: 'TENANTRY_ERR_TENANT_RESTARTED' })
  },
)

scenario('any number of requests may listen to the signals of their leases', {}, async (t, replica) => {
  const warnings: string[] = []
  const listen = ({ message }: Error) => warnings.push(message)
  process.on('warning', listen)
  for (let requests = 0; requests < 30; requests += 1) {
    const { lease } = await replica.served('acme')
    lease?.signal.addEventListener('abort', () => {})
  }
  await settle()
  process.off('warning', listen)
  t.same(warnings, [])
})

scenario(
  'G3: leases released by listeners of their signal: disposed of once, at once',
  { maxTenants: 1 },
  async (t, replica) => {
    const requests = [await replica.served('acme'), await replica.served('acme')]
    for (const { lease } of requests) lease?.signal.addEventListener('abort', () => lease.release())
    const timers = replica.clock.timers
    await replica.served('ball')

    t.same(replica.disposals('acme'), ['1: 1'])
    t.equal(replica.clock.timers, timers)
    t.equal(replica.pool.stats().leases, 1)
  },
)

for (const how of ['throws', 'rejects'] as const) {
  const error = new Error('cannot be closed')
  const dispose = () => {
    if (how === 'throws') throw error
    return Promise.reject(error)
  }
  scenario(`a dispose that ${how} is told, and harms nothing else`, { dispose }, async (t, replica) => {
    const first = await replica.served('acme')
    replica.manager.restart('acme')
    await replica.served('acme')
    first.release()
    await settle()

    t.same(replica.told.slice(-1), [['disposeFailed', { id: 'acme', error }]])
    t.equal(replica.pool.stats().draining, 0)
    t.equal((await replica.served('acme')).outcome, 'acme 2')
  })
}

scenario('a tenant drains until dispose is done', { dispose: () => disposing }, async (t, replica) => {
  ;(await replica.served('acme')).release()
  replica.manager.restart('acme')
  await replica.served('acme')
  t.equal(replica.pool.stats().draining, 1)
  t.notOk(replica.events.includes('disposed'))

  disposed()
  await settle()
  t.equal(replica.pool.stats().draining, 0)
  t.match(replica.told.slice(-1), [['disposed', { id: 'acme', token: 'acme 0', leases: 0 }]])
})
let disposed!: () => void
const disposing = new Promise<void>((resolve) => {
  disposed = resolve
})

scenario('a lease tells what it is a lease of', {}, async (t, replica) => {
  const before = new Date()
  const { lease } = await replica.served('acme')
  t.match(lease, { id: 'acme', token: 'acme 0', tenant: { id: 'acme', version: 1 } })
  t.ok(lease && lease.builtAt >= before && lease.builtAt <= new Date())
  t.equal((await replica.served('acme')).lease?.builtAt, lease?.builtAt)
})

scenario('use leases for as long as its function takes, whichever way that ends', {}, async (t, replica) => {
  await replica.served('acme').then((request) => request.release())
  replica.store.open = true
  let end!: (result: string) => void
  const used = replica.pool.use('acme', async (tenant, lease) => {
    t.equal(tenant, lease.tenant)
    return new Promise<string>((resolve) => {
      end = resolve
    })
  })
  await replica.clock.turn()
  t.equal(replica.pool.stats().leases, 1)
  end('done')
  t.equal(await used, 'done')
  t.equal(replica.pool.stats().leases, 0)

  for (const fail of [
    () => {
      throw new Error('broken')
    },
    () => Promise.reject(new Error('broken')),
  ]) {
    const failed = t.rejects(replica.pool.use('acme', fail), { message: 'broken' })
    await replica.clock.turn()
    await failed
    t.equal(replica.pool.stats().leases, 0)
  }
})

scenario('use rejects as acquire does, without running its function', {}, async (t, replica) => {
  replica.store.open = true
  const failed = t.rejects(
    replica.pool.use('nobody', () => t.fail('must not run')),
    {
      code: 'TENANTRY_ERR_TENANT_NOT_FOUND',
    },
  )
  for (let turns = 0; turns < 3; turns += 1) await replica.clock.turn()
  await failed
})
