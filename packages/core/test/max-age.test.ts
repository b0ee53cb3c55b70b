import t from 'tap'
import { ALL, ALL_HOSTS } from '../src/token.ts'
import { settle } from './fakes/manual-clock.ts'
import { type FollowedRequest, PoolScene } from './fakes/pool-scene.ts'

type Scene = PoolScene<unknown>

const tokens = () => ({ 'tenant:acme': 't1', 'tenant:beta': 't1', [ALL]: 'a1', [ALL_HOSTS]: 'h1' })

/** A replica that has acme in memory, checked just now. */
async function withAcme(options: ConstructorParameters<typeof PoolScene>[1] = {}): Promise<Scene> {
  const scene = new PoolScene(tokens(), { check: { maxAgeMs: 50 }, ...options })
  await scene.pooled('acme')
  return scene
}

/** What becomes of a request that gets nothing from the store. */
async function unanswered({ acquire, clock }: Scene, id = 'acme'): Promise<string> {
  const request = acquire(id)
  await clock.turn()
  return request.outcome
}

/** What becomes of a request while the store answers by itself. */
async function answered({ acquire, clock, store }: Scene, id = 'acme'): Promise<FollowedRequest<unknown>> {
  store.letGo()
  const request = acquire(id)
  for (let turns = 0; request.outcome === 'waiting' && turns < 100; turns += 1) await clock.turn()
  store.open = false
  return request
}

t.test('a tenant that was checked less than maxAgeMs ago is served without asking the store', async (t) => {
  const scene = await withAcme()
  await scene.clock.advance(49)
  t.equal(await unanswered(scene), 't1')
  t.equal(scene.store.held.length, 0)
  t.equal(scene.pool.stats().leases, 1, 'it is leased all the same')

  await scene.clock.advance(1)
  t.equal(await unanswered(scene), 'waiting', 'and then it is checked again')
  t.equal(scene.store.held.length, 1)
})

t.test('a restart is taken up after maxAgeMs at the latest', async (t) => {
  const scene = await withAcme()
  scene.store.tokens.set('tenant:acme', 't2')
  t.equal((await answered(scene)).outcome, 't1', 'not yet')
  await scene.clock.advance(50)
  t.equal((await answered(scene)).outcome, 't2')
})

t.test('the age is counted from when the check was asked for, not from its answer', async (t) => {
  const scene = await withAcme()
  await scene.clock.advance(50)
  const slow = scene.acquire('acme')
  await scene.clock.turn()
  await scene.clock.advance(40)
  scene.store.next().answer()
  await settle()
  t.equal(slow.outcome, 't1')

  await scene.clock.advance(9)
  t.equal(await unanswered(scene), 't1')
  await scene.clock.advance(1)
  t.equal(await unanswered(scene), 'waiting')
})

t.test('a tenant that was just built is as old as the tokens it was built under', async (t) => {
  let loaded = (_config: object) => {}
  const config = new Promise<object>((resolve) => {
    loaded = resolve
  })
  const scene: Scene = new PoolScene<unknown>(tokens(), { check: { maxAgeMs: 50 }, load: () => config })
  scene.store.letGo()
  const first = scene.acquire('acme')
  for (let turns = 0; turns < 5; turns += 1) await scene.clock.turn()
  await scene.clock.advance(60)
  loaded({})
  await scene.clock.turn()
  t.equal(first.outcome, 't1')
  scene.store.open = false
  t.equal(await unanswered(scene), 'waiting')
})

t.test('a tenant that has been found to differ is not served, however young its check is', async (t) => {
  const scene = await withAcme()
  scene.store.tokens.set(ALL, 'a2')
  // Whoever asks for another tenant learns of the restart of all.
  await answered(scene, 'beta')
  t.equal(scene.count('replaced'), 1)
  t.equal(await unanswered(scene), 'waiting')
})

t.test('the sweep checks, too', async (t) => {
  const scene = await withAcme({ sweepMs: 100 })
  scene.store.open = true
  await scene.clock.advance(100)
  scene.store.open = false
  await scene.clock.advance(49)
  t.equal(await unanswered(scene), 't1')
})

t.test('G6: while the store is away, maxUncheckedMs holds as ever', async (t) => {
  const scene = await withAcme({ maxUncheckedMs: 1000, check: { maxAgeMs: 1000 } })
  await scene.clock.advance(999)
  t.equal(await unanswered(scene), 't1')
  scene.acquire('beta')
  await scene.clock.turn()
  for (const held of scene.store.held.splice(0)) held.fail(new Error('gone'))
  await scene.clock.advance(1)
  t.equal(await unanswered(scene), 't1')
  await scene.clock.advance(1)
  t.equal(await unanswered(scene), 'TENANTRY_ERR_STORE_UNREACHABLE')
})
