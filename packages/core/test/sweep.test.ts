import t from 'tap'
import { ALL, ALL_HOSTS, TOKEN_LIFETIME_MS, type TokenKey } from '../src/token.ts'
import { settle } from './fakes/manual-clock.ts'
import { PoolScene } from './fakes/pool-scene.ts'

const UNREACHABLE = 'TENANTRY_ERR_STORE_UNREACHABLE'
const SWEEP_MS = 10_000
const HOUR_MS = 60 * 60 * 1000

/** A replica that has these tenants in memory, all of them under `t1`. */
async function withTenants(ids: string[], options?: ConstructorParameters<typeof PoolScene>[1]) {
  const tokens = Object.fromEntries(ids.map((id) => [`tenant:${id}`, 't1']))
  const scene = new PoolScene({ ...tokens, [ALL]: 'a1', [ALL_HOSTS]: 'h1' }, options)
  await scene.pooled(...ids)
  return scene
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `tenant-${index}`)

/** The keys of what waits for its answer. */
function heldKeys(scene: PoolScene, kind: 'read' | 'touch' = 'read'): TokenKey[][] {
  return scene.store.held.filter((held) => held.kind === kind).map(({ keys }) => [...keys])
}

/** Lets the store fall silent, and one request notice it. */
async function loseStore({ store, clock, acquire }: PoolScene): Promise<void> {
  store.open = false
  acquire('stranger')
  await clock.turn()
  store.next().fail(new Error('the wall is gone'))
  await settle()
}

t.test('G6: an idle tenant that was restarted before the store died is not served after it', async (t) => {
  const scene = await withTenants(['acme', 'beta'])
  const { clock, store, pool, told, loads, acquire } = scene
  store.open = true
  await clock.advance(SWEEP_MS)
  await store.write('tenant:acme', 't2')
  await clock.advance(SWEEP_MS)

  t.same(
    told.slice(-2).map(({ event }) => event),
    ['replaced', 'disposed'],
  )
  t.match(told.at(-2), { id: 'acme', token: 't1' })
  t.equal(pool.stats().tenants, 1)
  t.same(loads, ['acme', 'beta'], 'it was not rebuilt')

  await loseStore(scene)
  const [acme, beta] = [acquire('acme'), acquire('beta')]
  await settle()
  t.same([acme.outcome, beta.outcome], [UNREACHABLE, 't1'])
})

t.test('G5: an idle tenant whose token is gone leaves the pool', async (t) => {
  for (const [key, left] of [
    ['tenant:acme', 1],
    [ALL, 0],
  ] as const) {
    const { clock, store, pool } = await withTenants(['acme', 'beta'])
    store.open = true
    await clock.advance(SWEEP_MS)
    store.tokens.delete(key)
    await clock.advance(SWEEP_MS)
    t.equal(pool.stats().tenants, left, key)
  }
})

t.test('what requests have checked in the last half of an interval is not swept', async (t) => {
  const scene = await withTenants(['acme', 'beta', 'gamma'])
  const { clock, store, acquire } = scene
  store.open = true
  await clock.advance(SWEEP_MS / 2)
  acquire('beta')
  await clock.turn()
  await clock.advance(1)
  acquire('acme')
  await clock.turn()
  store.open = false
  await clock.advance(SWEEP_MS / 2 - 1)
  t.same(heldKeys(scene)[0]?.sort(), [ALL, 'tenant:beta', 'tenant:gamma'])
  store.letGo()
  await settle()

  store.open = false
  await clock.advance(SWEEP_MS)
  t.same(heldKeys(scene)[0]?.length, 4, 'the next one takes all three')
})

t.test('a check that was not answered does not count', async (t) => {
  const scene = await withTenants(['acme', 'beta'])
  const { clock, store, acquire } = scene
  store.open = true
  await clock.advance(SWEEP_MS - 1)
  store.tokens.set('tenant:acme', new Error('WRONGTYPE'))
  acquire('acme')
  acquire('beta')
  await clock.turn()
  store.open = false
  await clock.advance(1)
  t.same(heldKeys(scene), [['tenant:acme', ALL]])
})

t.test('a sweep asks for 500 tenants at a time, one batch after the other', async (t) => {
  const scene = await withTenants(numbered(1201), { maxTenants: 2000, maxConcurrentBuilds: 2000 })
  const { clock, store } = scene
  await clock.advance(SWEEP_MS)

  const swept: TokenKey[] = []
  for (const tenants of [500, 500, 201]) {
    const [keys = [], ...others] = heldKeys(scene)
    t.same(others, [], 'one at a time')
    t.equal(keys.length, tenants + 1)
    t.ok(keys.includes(ALL))
    swept.push(...keys.filter((key) => key !== ALL))
    store.next().answer()
    await clock.turn()
  }
  t.same(heldKeys(scene), [])
  t.equal(new Set(swept).size, 1201)
})

t.test('a sweep does not outdate a tenant that was rebuilt while its answer was under way', async (t) => {
  const scene = await withTenants(['acme'])
  const { clock, store, loads, acquire } = scene
  store.open = true
  await clock.advance(SWEEP_MS)
  store.open = false
  await store.write('tenant:acme', 't2')
  await clock.advance(SWEEP_MS)
  const swept = store.next().perform()
  await store.write('tenant:acme', 't3')
  const request = acquire('acme')
  for (let reads = 0; reads < 2; reads += 1) {
    await clock.turn()
    store.next().answer()
  }
  await settle()
  t.equal(request.outcome, 't3')

  swept.answer()
  await settle()
  t.equal(scene.pool.stats().tenants, 1)
  store.open = true
  const next = acquire('acme')
  await clock.turn()
  t.equal(next.outcome, 't3')
  t.same(loads, ['acme', 'acme'], 'once at first, and once for the restart')
})

t.test('touch', async (t) => {
  t.test('extends the tokens of the tenants whose last check stood, and never `all`', async (t) => {
    const scene = await withTenants(['acme', 'beta', 'gamma', 'delta'])
    const { clock, store } = scene
    await clock.advance(SWEEP_MS)
    t.same(heldKeys(scene, 'touch'), [], 'not before the answers are there')
    store.next().answer()
    await settle()
    t.same(heldKeys(scene, 'touch').flat().sort(), [
      'tenant:acme',
      'tenant:beta',
      'tenant:delta',
      'tenant:gamma',
    ])
    store.next('touch').fail(new Error('READONLY'))
    await settle()

    await store.write('tenant:beta', 't2')
    store.tokens.delete('tenant:gamma')
    store.tokens.set('tenant:delta', new Error('WRONGTYPE'))
    await clock.advance(SWEEP_MS)
    store.next().answer()
    await settle()
    t.same(heldKeys(scene, 'touch'), [['tenant:acme']], 'not what differs, is absent or has failed')
  })

  t.test('comes at most once in a tenth of a lifetime, and again soon after that', async (t) => {
    const sweepMs = HOUR_MS
    const scene = await withTenants(['acme', 'beta'], { sweepMs, maxUncheckedMs: 2 * HOUR_MS })
    const { clock, store, acquire } = scene
    const touched: [at: number, keys: readonly TokenKey[]][] = []
    const start = clock.now()
    store.open = true
    store.touch = async (keys) => {
      touched.push([(clock.now() - start) / HOUR_MS, keys])
    }
    for (let hours = 0; hours < 7 * 24; hours += 1) {
      await clock.advance(HOUR_MS)
      acquire('acme')
      await clock.turn()
    }
    const tenthHours = TOKEN_LIFETIME_MS / 10 / HOUR_MS
    for (const key of ['tenant:acme', 'tenant:beta']) {
      const times = touched.filter(([, keys]) => keys.includes(key)).map(([at]) => at)
      t.same(
        times,
        [1, 18, 35, 52, 69, 86, 103, 120, 137, 154],
        `${key}: every ${tenthHours} hours, at a sweep`,
      )
    }
    t.equal(touched.length, 10, 'both in one')
    t.equal(scene.count('keyFailed'), 0)
  })

  t.test('that fails is tried again by the next sweep, and is told once', async (t) => {
    const scene = await withTenants(['acme'])
    const { clock, store, told } = scene
    store.open = true
    const touches: number[] = []
    store.touch = async () => {
      touches.push(clock.now())
      if (touches.length < 4) throw new Error('READONLY')
    }
    await clock.advance(10 * SWEEP_MS)
    t.same(
      touches.map((at) => at - (touches[0] ?? 0)),
      [0, SWEEP_MS, 2 * SWEEP_MS, 3 * SWEEP_MS],
    )
    t.same([scene.count('keyFailed'), scene.count('keyAnswered')], [1, 1])
    t.match(
      told.find(({ event }) => event === 'keyFailed'),
      { operation: 'touch', key: 'tenant:acme', error: { message: 'READONLY' } },
    )
  })

  t.test('that is never answered does not stop the sweep', async (t) => {
    const scene = await withTenants(['acme'])
    const { clock, store, pool } = scene
    store.open = true
    let touches = 0
    store.touch = () => {
      touches += 1
      return new Promise(() => {})
    }
    await clock.advance(SWEEP_MS + 250)
    t.equal(touches, 1)
    t.equal(scene.count('storeUnreachable'), 1)
    t.equal(pool.stats().store, 'reachable', 'it is only touches that are not answered')

    await store.write('tenant:acme', 't2')
    await clock.advance(2 * SWEEP_MS)
    t.equal(pool.stats().tenants, 0, 'an idle tenant is still found to have been restarted')
  })

  t.test('is asked for 500 tenants at a time; a batch that fails does not undo the others', async (t) => {
    const scene = await withTenants(numbered(1201), { maxTenants: 2000, maxConcurrentBuilds: 2000 })
    const { clock, store } = scene
    const batches: (readonly TokenKey[])[] = []
    store.open = true
    store.touch = async (keys) => {
      batches.push(keys)
      if (batches.length === 2) throw new Error('READONLY')
    }
    await clock.advance(SWEEP_MS)
    for (let turns = 0; turns < 5; turns += 1) await clock.turn()
    t.same(
      batches.map(({ length }) => length),
      [500, 500, 201],
    )
    await clock.advance(SWEEP_MS)
    for (let turns = 0; turns < 5; turns += 1) await clock.turn()
    t.same(
      batches.slice(3).map((keys) => [...keys].sort()),
      [[...(batches[1] ?? [])].sort()],
      'the batch that failed, once more',
    )
  })
})

t.test('G6: a tenant never reaches maxUncheckedMs while the store answers, however slowly', async (t) => {
  const sweepMs = 1000
  const wrong: unknown[] = []
  // The sweep is as rare as it may be; a request comes at any time, and the store dies at any later time.
  for (const answersAfterMs of [0, 200]) {
    for (const requestAt of [0, 1, 499, 501, 999, 1000, 1001]) {
      for (let diesAt = requestAt + 250; diesAt <= requestAt + 4 * sweepMs; diesAt += 111) {
        const scene = await withTenants(['acme'], { sweepMs, maxUncheckedMs: 2 * sweepMs })
        const { clock, store, acquire } = scene
        const read = store.read.bind(store)
        store.read = (keys) =>
          new Promise((resolve) => {
            clock.setTimeout(() => read(keys).then(resolve), answersAfterMs)
          })
        store.open = true
        await clock.advance(requestAt)
        acquire('acme')
        await clock.turn()
        await clock.advance(diesAt - requestAt)
        store.read = read
        await loseStore(scene)
        const request = acquire('acme')
        await settle()
        if (request.outcome !== 't1')
          wrong.push({ answersAfterMs, requestAt, diesAt, outcome: request.outcome })
      }
    }
  }
  t.same(wrong, [])
})

t.test('while the store is unreachable the sweep asks it for nothing', async (t) => {
  const scene = await withTenants(['acme', 'beta'])
  const { clock, store, pool } = scene
  store.open = true
  await clock.advance(SWEEP_MS)
  await loseStore(scene)
  for (let sweeps = 0; sweeps < 3; sweeps += 1) {
    await clock.advance(SWEEP_MS)
    const asked = new Set(store.held.splice(0).map(({ kind, keys }) => `${kind} ${keys}`))
    t.same([...asked], [`read ${ALL}`], 'probes alone')
  }

  t.test('and the first one after its return checks every tenant', async (t) => {
    await store.write('tenant:beta', 't2')
    store.letGo()
    await clock.advance(250)
    t.equal(pool.stats().store, 'reachable')
    t.equal(pool.stats().tenants, 2)
    store.open = false
    await clock.advance(SWEEP_MS - 250)
    t.same(heldKeys(scene)[0]?.sort(), [ALL, 'tenant:acme', 'tenant:beta'])
    store.letGo()
    await settle()
    t.equal(pool.stats().tenants, 1)
  })
})

t.test('the sweep ends when the pool closes', async (t) => {
  t.test('while it waits for its time', async (t) => {
    const { clock, store, pool } = await withTenants(['acme'])
    await pool.close()
    t.equal(clock.timers, 0)
    await clock.advance(10 * SWEEP_MS)
    t.same(store.held, [])
  })

  for (const kind of ['read', 'touch'] as const) {
    t.test(`while a ${kind} of it is under way`, async (t) => {
      const scene = await withTenants(numbered(501), { maxConcurrentBuilds: 501 })
      const { clock, store, pool } = scene
      store.open = kind === 'touch'
      const touch = store.touch.bind(store)
      store.touch = (keys) => {
        store.open = false
        return touch(keys)
      }
      await clock.advance(SWEEP_MS)
      await clock.turn()
      t.equal(store.held.length, 1)
      const operation = store.next(kind)
      await pool.close()
      operation.answer()
      await clock.advance(10 * SWEEP_MS)
      t.same(store.held, [], 'nothing more is asked for')
      t.equal(clock.timers, 0)
    })
  }
})
