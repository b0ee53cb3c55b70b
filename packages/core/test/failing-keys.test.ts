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

t.test('a key that fails alone fails only the checks that need it', async (t) => {
  const scene = new PoolScene(tokens(), { maxUncheckedMs: 5000, sweepMs: 2500 })
  const { clock, store, pool, told, acquire } = scene
  await scene.pooled('acme', 'beta')
  store.tokens.set('tenant:acme', new Error('WRONGTYPE'))
  store.tokens.set('tenant:gamma', new Error('WRONGTYPE'))
  store.letGo()
  await clock.advance(5000)
  const requests = ['acme', 'beta', 'gamma', 'acme'].map(acquire)
  await clock.turn()
  t.same(
    requests.map(({ outcome }) => outcome),
    ['t1', 't1', UNREACHABLE, 't1'],
    'G6: acme is still served, unchecked',
  )
  t.equal(pool.stats().store, 'reachable')
  t.same(
    told
      .filter(({ event }) => event === 'keyFailed')
      .map((failed) => 'key' in failed && failed.key)
      .sort(),
    ['tenant:acme', 'tenant:gamma'],
  )
  t.match(
    told.find(({ event }) => event === 'keyFailed'),
    { operation: 'read', error: { message: 'WRONGTYPE' } },
  )

  await clock.advance(1)
  const [acme, beta] = [acquire('acme'), acquire('beta')]
  await clock.turn()
  t.same([acme.outcome, beta.outcome], [UNREACHABLE, 't1'], 'G6: and then no longer, unlike beta')
  t.equal(scene.count('keyFailed'), 2, 'told once for each key')

  store.tokens.set('tenant:acme', 't1')
  for (let requests = 0; requests < 3; requests += 1) {
    const again = acquire('acme')
    await clock.turn()
    t.equal(again.outcome, 't1')
  }
  t.equal(scene.count('keyAnswered'), 1)
  t.match(told.at(-1), { event: 'keyAnswered', operation: 'read', key: 'tenant:acme' })
})

t.test('a tenant whose own key is found to differ is outdated even if `all` has failed', async (t) => {
  const { clock, store, pool, acquire } = await withAcme()
  await store.write('tenant:acme', 't2')
  store.tokens.set(ALL, new Error('WRONGTYPE'))
  store.letGo()
  const asked = acquire('acme')
  await clock.turn()
  t.equal(asked.outcome, UNREACHABLE)
  t.equal(pool.stats().tenants, 0)
})

t.test('while all-hosts cannot be claimed, known tenants are built all the same', async (t) => {
  const scene = new PoolScene({ 'tenant:acme': 't1', [ALL]: 'a1' })
  const { clock, store, pool, told, acquire } = scene
  const known = acquire('acme')
  await clock.turn()
  store.next().answer()
  await clock.turn()
  store.next().answer()
  await settle()
  store.next('claim').fail(new Error('read only'))
  await settle()

  t.equal(known.outcome, 't1')
  t.equal(pool.stats().store, 'reachable')
  t.match(
    told.find(({ event }) => event === 'keyFailed'),
    { operation: 'claim', key: ALL_HOSTS },
  )
})

t.test('a claim that is refused fails its build alone', async (t) => {
  const scene = new PoolScene({ [ALL]: 'a1', [ALL_HOSTS]: 'h1' })
  const { clock, store, pool, told, acquire } = scene
  for (const claimed of [false, false, true]) {
    const request = acquire('acme')
    for (let reads = 0; reads < 2; reads += 1) {
      await clock.turn()
      store.next().answer()
    }
    await settle()
    if (claimed) store.next('claim').answer()
    else store.next('claim').fail(new Error('READONLY'))
    await settle()
    t.equal(request.outcome, claimed ? store.tokens.get('tenant:acme') : UNREACHABLE)
    if (!claimed) t.match(request.error?.cause, { message: 'READONLY' })
  }
  t.equal(pool.stats().store, 'reachable')
  t.same([scene.count('keyFailed'), scene.count('keyAnswered')], [1, 1], 'told once when it begins and ends')
  t.match(
    told.find(({ event }) => event === 'keyFailed'),
    { operation: 'claim', key: 'tenant:acme', error: { message: 'READONLY' } },
  )
})
