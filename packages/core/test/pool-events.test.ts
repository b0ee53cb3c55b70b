import { settle } from './fakes/manual-clock.ts'
import { outcomes, type Replica } from './fakes/replica.ts'
import { scenario } from './fakes/scenario.ts'

/** What the pool has told since the last time it was asked. */
const told = ({ told }: Replica) => told.splice(0)

scenario(
  'a tenant that is built is told of, with how long its requests have waited',
  {},
  async (t, replica) => {
    replica.loads.holding = true
    replica.request('acme')
    await replica.answerRead()
    await replica.clock.turn()
    await replica.clock.advance(100)
    await replica.answerRead()
    await replica.clock.advance(2000)
    replica.loads.next().answer()
    await settle()

    t.same(told(replica), [['built', { id: 'acme', token: 'acme 0', durationMs: 2100 }]])
  },
)

scenario('a restart is told once per change, not once per request', {}, async (t, replica) => {
  const old = await replica.served('acme')
  told(replica)
  for (let requests = 0; requests < 3; requests += 1) await replica.served('acme')
  t.same(told(replica), [])

  replica.manager.restart('acme')
  for (let requests = 0; requests < 3; requests += 1) replica.request('acme')
  await replica.answerRead()
  t.same(told(replica), [['replaced', { id: 'acme', token: 'acme 0' }]])
  await replica.answerRead()
  t.same(told(replica), [['built', { id: 'acme', token: 'acme 1', durationMs: 0 }]])

  for (const { lease } of replica.requests) if (lease?.token === 'acme 0') lease.release()
  old.release()
  await settle()
  t.same(told(replica), [['disposed', { id: 'acme', token: 'acme 0', leases: 0 }]])
})

scenario('what is outdated when it is built is told as built, then as replaced', {}, async (t, replica) => {
  replica.loads.holding = true
  await replica.building('acme')
  replica.manager.restart('acme')
  replica.request('acme')
  await replica.answerRead()
  replica.loads.letGo()
  await settle()
  t.match(told(replica), [
    ['built', { token: 'acme 0' }],
    ['replaced', { token: 'acme 0' }],
  ])
  await replica.answerRead()
  t.match(told(replica), [['built', { token: 'acme 1' }]])
})

scenario(
  'who is told of an eviction finds the tenant that it made room for',
  { maxTenants: 1 },
  async (t, replica) => {
    await replica.served('acme')
    const found: unknown[] = []
    replica.pool.on('evicted', () =>
      found.push(replica.pool.heldOf('ball')?.token, [...replica.pool.held().keys()]),
    )
    await replica.served('ball')
    t.same(found, ['ball 0', ['ball']])
  },
)

scenario('an eviction is told, and what comes of it', { maxTenants: 1 }, async (t, replica) => {
  ;(await replica.served('acme')).release()
  await replica.served('ball')
  t.match(told(replica), [
    ['built', { id: 'acme' }],
    ['built', { id: 'ball' }],
    ['evicted', { id: 'acme', token: 'acme 0' }],
    ['disposed', { id: 'acme', token: 'acme 0', leases: 0 }],
  ])
})

scenario('a build that fails is told once, however many have waited for it', {}, async (t, replica) => {
  const error = new Error('the authority is down')
  replica.loads.holding = true
  await replica.building('acme')
  for (let requests = 0; requests < 3; requests += 1) replica.request('acme')
  await replica.answerRead()
  replica.loads.next().fail(error)
  await settle()
  await replica.served('acme')

  const tokens = { token: 'acme 0', all: 'all 0' }
  t.same(told(replica), [['buildFailed', { id: 'acme', ...tokens, error, retryAfterMs: 500 }]])
})

scenario('a build that fails before there are tokens tells that they are absent', {}, async (t, replica) => {
  const error = new Error('the authority is down')
  replica.store.tokens.delete('tenant:acme')
  replica.loads.holding = true
  await replica.building('acme')
  replica.loads.next().fail(error)
  await settle()

  const tokens = { token: null, all: 'all 0' }
  t.same(told(replica), [['buildFailed', { id: 'acme', ...tokens, error, retryAfterMs: 500 }]])
})

scenario('a build that finds no tenant is told, and not while that is remembered', {}, async (t, replica) => {
  for (let requests = 0; requests < 3; requests += 1) await replica.served('nobody')
  t.same(told(replica), [['notFound', { id: 'nobody' }]])

  await replica.served('acme')
  replica.manager.versions.delete('acme')
  replica.store.tokens.set('tenant:acme', 'acme is deleted')
  await replica.served('acme')
  t.match(told(replica), [['built'], ['replaced'], ['notFound', { id: 'acme' }]])
})

scenario(
  'a store that does not answer is told once, and once when it answers again',
  {},
  async (t, replica) => {
    await replica.served('acme')
    told(replica)
    const error = new Error('connection lost')
    replica.request('acme')
    await replica.clock.turn()
    replica.request('ball')
    await replica.clock.turn()
    for (let reads = 0; reads < 2; reads += 1) replica.store.next('read').fail(error)
    await settle()
    t.same(told(replica), [['storeUnreachable', { error }]])

    await replica.clock.advance(1000)
    replica.store.letGo()
    await settle()
    t.match(told(replica), [['storeReachable', { afterMs: 1000 }]])
  },
)

scenario(
  'a key that cannot be read, and a claim that is refused, are told once each',
  {},
  async (t, replica) => {
    const error = new Error('not a token')
    await replica.served('acme')
    told(replica)
    replica.store.tokens.set('tenant:acme', error)
    for (let requests = 0; requests < 3; requests += 1) await replica.served('acme')
    t.same(told(replica), [['keyFailed', { operation: 'read', key: 'tenant:acme', error }]])

    replica.store.tokens.delete('tenant:acme')
    for (const refused of [true, true, false]) {
      await replica.building('acme')
      if (refused) replica.store.next('claim').fail(error)
      else replica.store.next('claim').answer()
      await settle()
    }
    t.same(
      told(replica).filter(([name]) => name.startsWith('key')),
      [
        ['keyAnswered', { operation: 'read', key: 'tenant:acme' }],
        ['keyFailed', { operation: 'claim', key: 'tenant:acme', error }],
        ['keyAnswered', { operation: 'claim', key: 'tenant:acme' }],
      ],
    )
  },
)

scenario(
  'a listener that throws breaks nothing: what it throws is an uncaught exception',
  { maxTenants: 1, dispose: ({ id }) => (id === 'ball' ? Promise.reject(new Error('stuck')) : undefined) },
  async (t, replica) => {
    const thrown: unknown[] = []
    const uncaught: unknown[] = []
    const listen = (error: unknown) => uncaught.push(error)
    const names = ['built', 'replaced', 'evicted', 'disposed', 'disposeFailed', 'buildFailed'] as const
    for (const name of names) {
      replica.pool.on(name, () => {
        const error = new Error(name)
        thrown.push(error)
        throw error
      })
    }
    process.on('uncaughtException', listen)
    t.teardown(() => process.off('uncaughtException', listen))
    ;(await replica.served('acme')).release()
    replica.manager.restart('acme')
    const acme = await replica.served('acme')
    const ball = await replica.served('ball')
    acme.release()
    ball.release()
    replica.creates.carryOut = () => undefined as never
    const failed = await replica.served('cape')
    replica.manager.restart('ball')
    const gone = await replica.served('ball')
    await settle()

    t.same(outcomes([acme, ball, failed, gone]), [
      'acme 2',
      'ball 1',
      'TENANTRY_ERR_BUILD_FAILED',
      'TENANTRY_ERR_BUILD_FAILED',
    ])
    t.same(uncaught, thrown)
    t.same(new Set(thrown.map((error) => (error as Error).message)), new Set(names))
    for (const name of names) replica.pool.removeAllListeners(name)
  },
)

scenario('a listener may ask for a tenant', {}, async (t, replica) => {
  await replica.served('acme')
  replica.store.open = true
  replica.pool.on('replaced', ({ id }) => replica.request(id))
  replica.manager.restart('acme')
  const request = await replica.served('acme')
  await replica.clock.turn()

  t.equal(replica.requests.length, 3)
  t.equal(replica.requests.at(-1)?.lease?.tenant, request.lease?.tenant)
  t.equal(replica.loads.count, 2)
})

scenario('stats tell what the pool holds just now', { maxConcurrentBuilds: 1 }, async (t, replica) => {
  const nothing = {
    tenants: 0,
    draining: 0,
    leases: 0,
    buildsRunning: 0,
    buildsWaiting: 0,
    lookupsRunning: 0,
    lookupsWaiting: 0,
    store: 'reachable',
  }
  const { pool } = replica
  t.same(pool.stats(), nothing)
  pool.once('built', () => t.equal(pool.stats().draining, 0, 'what is about to enter does not drain'))
  const first = await replica.served('acme')
  const second = await replica.served('acme')
  t.same(pool.stats(), { ...nothing, tenants: 1, leases: 2 })

  replica.loads.holding = true
  replica.manager.restart('acme')
  replica.request('acme')
  const checked = replica.request('ball')
  t.same(pool.stats(), { ...nothing, tenants: 1, leases: 3 }, 'a check holds its tenant')
  await replica.answerRead()
  t.same(pool.stats(), { ...nothing, draining: 1, leases: 2, buildsRunning: 1, buildsWaiting: 1 })

  await replica.clock.turn()
  replica.store.next('read').fail(new Error('connection lost'))
  await settle()
  await replica.clock.turn()
  t.same(pool.stats(), { ...nothing, draining: 1, leases: 2, store: 'unreachable' })
  t.equal(checked.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')

  first.release()
  second.release()
  await settle()
  t.same(pool.stats(), { ...nothing, store: 'unreachable' })
  replica.store.letGo()
  await settle()
  t.same(pool.stats(), nothing)
})
