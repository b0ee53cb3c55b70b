import { AsyncLocalStorage } from 'node:async_hooks'
import t from 'tap'
import { ALL, ALL_HOSTS } from '../src/token.ts'
import { settle } from './fakes/manual-clock.ts'
import { PoolScene } from './fakes/pool-scene.ts'

const UNREACHABLE = 'TENANTRY_ERR_STORE_UNREACHABLE'

const tokens = () => ({ 'tenant:acme': 't1', 'tenant:beta': 't1', [ALL]: 'a1', [ALL_HOSTS]: 'h1' })

/** A replica that has acme in memory. */
async function withAcme(options?: ConstructorParameters<typeof PoolScene>[1]): Promise<PoolScene> {
  const scene = new PoolScene(tokens(), options)
  await scene.pooled('acme')
  return scene
}

/** A replica that has acme in memory, found unchanged just now, and a store that has just become unreachable. */
async function unreachable(options?: ConstructorParameters<typeof PoolScene>[1]): Promise<PoolScene> {
  const scene = await withAcme(options)
  scene.acquire('beta')
  await scene.clock.turn()
  scene.store.next().fail(new Error('the wall is gone'))
  await settle()
  return scene
}

t.test('G6: a check that is unanswered for checkTimeoutMs ends all waits at once', async (t) => {
  const { clock, store, pool, told, acquire } = await withAcme({ checkTimeoutMs: 250 })
  const early = acquire('acme')
  await clock.turn()
  await clock.advance(200)
  const late = acquire('acme')
  const stranger = acquire('beta')
  await clock.advance(49)
  t.same([early.outcome, late.outcome, stranger.outcome], ['waiting', 'waiting', 'waiting'])
  t.equal(pool.stats().store, 'reachable')

  await clock.advance(1)
  t.same([early.outcome, late.outcome, stranger.outcome], ['t1', 't1', UNREACHABLE])
  t.equal(stranger.error?.cause, undefined, 'strangers are told nothing of the inside')
  t.equal(pool.stats().store, 'unreachable')
  t.match(told.at(-1), {
    event: 'storeUnreachable',
    error: { message: 'The token store gave no answer within 250 ms' },
  })

  t.test('and from then on no request waits for the store at all', async (t) => {
    const asked = store.held.length
    const [known, unknown] = [acquire('acme'), acquire('gamma')]
    await settle()
    t.same(
      [known.outcome, unknown.outcome],
      ['t1', UNREACHABLE],
      'before the turn of the event loop has ended',
    )
    await clock.turn()
    t.equal(store.held.length, asked, 'and the store is not asked')
  })
})

t.test('G6: a check that was asked for in the turn in which the store is lost is not sent', async (t) => {
  const { clock, store, acquire } = await withAcme()
  acquire('beta')
  await clock.turn()
  const read = store.next()
  const known = acquire('acme')
  read.fail(new Error('gone'))
  await clock.turn()

  t.equal(known.outcome, 't1')
  t.same(
    store.held.map(({ keys }) => keys),
    [[ALL]],
    'the probe alone',
  )
})

t.test('a probe belongs to no request, nor does what it finds', async (t) => {
  const { clock, store, pool, acquire } = await withAcme({ checkTimeoutMs: 250 })
  const requests = new AsyncLocalStorage<string>()
  const probes: unknown[] = []
  const read = store.read.bind(store)
  store.read = (keys) => {
    if (pool.stats().store === 'unreachable') probes.push(requests.getStore())
    return read(keys)
  }
  let reachable: unknown = 'not yet'
  pool.on('storeReachable', () => {
    reachable = requests.getStore()
  })
  await requests.run('a request', async () => {
    acquire('acme')
    await clock.turn()
    store.next().fail(new Error('the wall is gone'))
    await settle()
  })
  store.next().fail(new Error('and again'))
  await settle()
  await clock.advance(50)
  await clock.advance(250)
  store.next()
  store.next().answer()
  await settle()
  t.same(probes, [undefined, undefined, undefined], 'the first, one after a pause, one after a silence')
  t.equal(reachable, undefined)
})

t.test('G6: a tenant is served for maxUncheckedMs after its last answered check was asked for', async (t) => {
  const { clock, store, acquire } = await withAcme({ maxUncheckedMs: 5000, sweepMs: 2500 })
  await clock.advance(500)
  acquire('acme')
  await clock.turn()
  // Asked for at 500, answered at 700, and the store falls silent with the check that is asked for at 1000.
  await clock.advance(200)
  store.next().answer()
  await clock.advance(300)
  acquire('acme')
  await clock.turn()
  await clock.advance(4500)

  const last = acquire('acme')
  await settle()
  t.equal(last.outcome, 't1', 'served at 5500')
  await clock.advance(1)
  const tooLate = acquire('acme')
  await settle()
  t.equal(tooLate.outcome, UNREACHABLE, 'not served at 5501')

  t.test('and again once the store has answered', async (t) => {
    store.letGo()
    await clock.turn()
    const served = acquire('acme')
    await clock.turn()
    t.equal(served.outcome, 't1')
  })
})

t.test('G6: a late answer outdates the tenant that it was asked about', async (t) => {
  const { clock, store, pool, told, acquire } = await withAcme()
  await store.write('tenant:acme', 't2')
  const asked = acquire('acme')
  await clock.turn()
  await clock.advance(250)
  t.equal(asked.outcome, 't1', 'nothing has outdated it yet')
  asked.lease?.release()
  store.next().answer()
  await settle()

  t.match(told.at(-2), { event: 'replaced', id: 'acme', token: 't1' })
  t.equal(told.at(-1)?.event, 'disposed')
  t.equal(pool.stats().tenants, 0)
  t.equal(pool.stats().store, 'unreachable', 'a late answer does not end that state')
  const later = acquire('acme')
  await settle()
  t.equal(later.outcome, UNREACHABLE, 'not the old one')
})

t.test('G6: what a probe finds outdates all tenants, even when it is late', async (t) => {
  const { clock, store, pool, told, acquire } = await unreachable()
  const probe = store.next()
  await store.write(ALL, 'a2')
  await clock.advance(250)
  probe.answer()
  await settle()

  t.match(told.at(-2), { event: 'replaced', id: 'acme', token: 't1' })
  t.equal(pool.stats().store, 'unreachable', 'a late probe does not end that state')
  const later = acquire('acme')
  await settle()
  t.equal(later.outcome, UNREACHABLE, 'not the old one')
})

t.test('G6: an answer about all tenants outdates them, even when a later one came first', async (t) => {
  const { clock, store, pool, told, acquire } = await withAcme()
  acquire('beta')
  await clock.turn()
  acquire('gamma')
  await clock.turn()
  const [first, second] = [store.next(), store.next()]
  second.answer()
  await settle()
  await store.write(ALL, 'a2')
  first.answer()
  await settle()

  t.ok(
    told.some(({ event }) => event === 'replaced'),
    'nothing old lies in wait for the day the store fails',
  )
  t.equal(pool.heldOf('acme'), undefined)
})

t.test('G6: an answer outdates a tenant, also when one older than its claim has said the same', async (t) => {
  const { clock, store, pool, acquire } = new PoolScene({ 'tenant:acme': 't1', [ALL_HOSTS]: 'h1' })
  const asked = acquire('acme')
  await clock.turn()
  store.next().answer()
  await clock.turn()
  const ofBuild = store.next()
  acquire('beta')
  await clock.turn()
  const early = store.next()
  ofBuild.answer()
  await clock.turn()
  store.next('claim').answer()
  await clock.turn()
  t.equal(asked.outcome, 't1')
  asked.lease?.release()
  await store.write(ALL, 'a2')
  early.answer()
  await settle()
  t.ok(pool.heldOf('acme'), 'it was stamped later')

  acquire('gamma')
  await clock.turn()
  store.next().answer()
  await settle()
  t.equal(pool.heldOf('acme'), undefined)
})

t.test(
  'G6: answers about all tenants that a build meets, after its claim, which one from before has said',
  async (t) => {
    /** Acme is being built under a claimed token; meanwhile an answer has come that is older than the claim. */
    async function claimed() {
      let finish = () => {}
      const config = new Promise((resolve) => {
        finish = () => resolve({ id: 'acme' })
      })
      const loads: string[] = []
      const load = (id: string) => {
        loads.push(id)
        return loads.length > 1 && id === 'acme' ? config : { id }
      }
      const scene = new PoolScene({ 'tenant:acme': 't1', [ALL_HOSTS]: 'h1' }, { load })
      const { clock, store, acquire } = scene
      const asked = acquire('acme')
      await clock.turn()
      store.next().answer()
      await clock.turn()
      const ofBuild = store.next()
      acquire('beta')
      await clock.turn()
      const early = store.next()
      ofBuild.answer()
      await clock.turn()
      store.next('claim').answer()
      await clock.turn()
      t.same(scene.loads, ['acme', 'acme'])
      await store.write(ALL, 'a2')
      early.answer()
      await settle()
      return { ...scene, asked, finish }
    }

    /** Somebody else is checked; the answer says the same as the early one. */
    async function checkAnother({ acquire, clock, store }: Pick<PoolScene, 'acquire' | 'clock' | 'store'>) {
      acquire('gamma')
      await clock.turn()
      store.next().answer()
      await settle()
    }

    await t.test('while it runs: what it makes never enters the pool', async (t) => {
      const scene = await claimed()
      await checkAnother(scene)
      scene.finish()
      await settle()
      t.equal(scene.asked.outcome, 't1', 'it serves who waited for it')
      t.equal(scene.pool.heldOf('acme'), undefined)
    })

    await t.test('when it has ended: what it has made leaves the pool', async (t) => {
      const scene = await claimed()
      scene.finish()
      await settle()
      t.ok(scene.pool.heldOf('acme'))
      await checkAnother(scene)
      t.equal(scene.pool.heldOf('acme'), undefined)
    })
  },
)

t.test('G6: a late answer does not outdate a tenant that was stamped later', async (t) => {
  const { clock, store, told, loads, acquire } = await withAcme()
  await store.write('tenant:acme', 't2')
  acquire('acme')
  await clock.turn()
  const late = store.next().perform()
  await clock.advance(250)
  await store.write('tenant:acme', 't3')
  store.letGo()
  await clock.turn()
  const rebuilt = acquire('acme')
  await clock.advance(0)
  await clock.advance(0)
  t.equal(rebuilt.outcome, 't3')

  late.answer()
  await settle()
  const again = acquire('acme')
  await clock.turn()
  t.equal(again.outcome, 't3')
  t.same(loads, ['acme', 'acme'], 'it was not built once more')
  t.equal(told.filter(({ event }) => event === 'replaced').length, 1)
})

t.test('G6: a late answer that finds nothing changed counts from when it was asked for', async (t) => {
  const { clock, store, acquire } = await withAcme({ maxUncheckedMs: 5000, sweepMs: 2500 })
  await clock.advance(1000)
  acquire('acme')
  await clock.turn()
  await clock.advance(250)
  const late = store.next()
  await clock.advance(2000)
  late.answer()
  await clock.advance(2750)

  const last = acquire('acme')
  await settle()
  t.equal(last.outcome, 't1', '5000 ms after 1000')
  await clock.advance(1)
  const tooLate = acquire('acme')
  await settle()
  t.equal(tooLate.outcome, UNREACHABLE)
})

t.test('G6: while the store is unreachable exactly one probe is under way', async (t) => {
  const { clock, store, acquire } = await unreachable()
  for (let probes = 0; probes < 5; probes += 1) {
    for (let requests = 0; requests < 10; requests += 1) acquire('acme')
    await clock.advance(249)
    t.same(
      store.held.map(({ kind, keys }) => [kind, keys]),
      [['read', [ALL]]],
    )
    store.next()
    await clock.advance(1)
  }
})

t.test('G6: only a probe that is answered in time ends the unreachable state', async (t) => {
  const scene = await withAcme()
  const { clock, store, pool, told, acquire } = scene
  acquire('acme')
  await clock.turn()
  await clock.advance(250)
  const check = store.next()
  const first = store.next()
  await clock.advance(250)
  const second = store.next()
  check.answer()
  first.answer()
  await settle()
  t.equal(pool.stats().store, 'unreachable', 'a late check and a late probe do not')

  await clock.advance(249)
  second.answer()
  await settle()
  t.equal(pool.stats().store, 'reachable')
  t.match(told.at(-1), { event: 'storeReachable', afterMs: 499 })
  t.same([scene.count('storeUnreachable'), scene.count('storeReachable')], [1, 1], 'each is told once')

  t.test('after which there are no probes, and requests are checked as before', async (t) => {
    await store.write('tenant:acme', 't2')
    await clock.advance(1000)
    t.same(store.held, [])
    store.letGo()
    const next = acquire('acme')
    await clock.turn()
    await clock.turn()
    t.equal(next.outcome, 't2', 'a restart made meanwhile is seen by the next request')
  })

  t.test('and the next time is told again', async (t) => {
    store.open = false
    acquire('acme')
    await clock.turn()
    await clock.advance(250)
    t.same([scene.count('storeUnreachable'), scene.count('storeReachable')], [2, 1])
  })
})

t.test('G6: a probe that fails is not the end, nor is one that fails late', async (t) => {
  const scene = await unreachable()
  const { clock, store, pool } = scene
  const first = store.next()
  await clock.advance(250)
  first.fail(new Error('late'))
  store.next().fail(new Error('still gone'))
  await settle()
  await clock.advance(99)
  t.equal(pool.stats().store, 'unreachable')
  store.next().answer()
  await settle()
  t.equal(pool.stats().store, 'reachable')
  t.same(store.held, [], 'the late failure has not started a second row of probes')
  await clock.advance(1000)
  t.same(store.held, [])
  t.same([scene.count('storeUnreachable'), scene.count('storeReachable')], [1, 1])
})

t.test('G6: a read that rejects makes the store unreachable at once', async (t) => {
  const scene = await withAcme()
  const { clock, store, told, acquire } = scene
  const [known, unknown, earlier] = [acquire('acme'), acquire('beta'), acquire('acme')]
  await clock.turn()
  acquire('acme')
  await clock.turn()
  store.next().fail(new Error('connection lost'))
  await settle()
  t.same([known.outcome, unknown.outcome, earlier.outcome], ['t1', UNREACHABLE, 't1'])
  t.match(told.at(-1), { event: 'storeUnreachable', error: { message: 'connection lost' } })

  store.next().fail(new Error('connection lost'))
  await settle()
  t.equal(scene.count('storeUnreachable'), 1, 'told once, though every read rejects')
})

t.test('G6: a read that rejects late, when the store answers again, is no new loss', async (t) => {
  const scene = await withAcme()
  const { clock, store, pool, acquire } = scene
  acquire('acme')
  await clock.turn()
  await clock.advance(250)
  const late = store.next()
  store.next().answer()
  await settle()
  late.fail(new Error('timed out'))
  await settle()

  t.equal(pool.stats().store, 'reachable')
  t.equal(scene.count('storeUnreachable'), 1)
})

t.test('G6: a claim that is not answered in time makes the store unreachable', async (t) => {
  const scene = new PoolScene({ [ALL]: 'a1', [ALL_HOSTS]: 'h1' })
  const { clock, store, pool, acquire } = scene
  const first = acquire('acme')
  for (let reads = 0; reads < 2; reads += 1) {
    await clock.turn()
    store.next().answer()
  }
  await settle()
  await clock.advance(249)
  t.equal(first.outcome, 'waiting')
  await clock.advance(1)
  t.equal(first.outcome, UNREACHABLE)
  t.equal(pool.stats().store, 'unreachable')

  t.test('and what it claimed is read by the next request', async (t) => {
    store.next('claim').answer()
    store.letGo()
    await clock.turn()
    const next = acquire('acme')
    await clock.turn()
    await clock.turn()
    t.equal(next.outcome, store.tokens.get('tenant:acme'))
    t.equal(scene.count('keyFailed'), 0)
  })
})

t.test('a pool may be closed by a listener that is told that its store is unreachable', async (t) => {
  const { clock, store, pool, acquire } = await withAcme()
  pool.on('storeUnreachable', () => void pool.close())
  const request = acquire('acme')
  await clock.turn()
  await clock.advance(250)
  t.equal(request.outcome, 'TENANTRY_ERR_POOL_CLOSED')
  t.equal(clock.timers, 0)
  store.held.splice(0)
  await clock.advance(1000)
  t.same(store.held, [])
})
