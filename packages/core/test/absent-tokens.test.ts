import t from 'tap'
import { settle } from './fakes/manual-clock.ts'
import { Replica } from './fakes/replica.ts'
import { mustEndWell, scenario } from './fakes/scenario.ts'

for (const { key, whose } of [
  { key: 'tenant:acme', whose: "a tenant's" },
  { key: 'all', whose: "all tenants'" },
]) {
  scenario(`G5: ${whose} token that has vanished never counts as unchanged`, {}, async (t, replica) => {
    const { lease } = await replica.served('acme')
    replica.store.tokens.delete(key)
    replica.manager.change('acme')
    const request = replica.request('acme')
    await replica.answerRead()
    t.ok(lease?.signal.aborted)

    await replica.answerRead()
    await replica.answerClaim()
    t.equal(request.outcome, 'acme 2')
    t.equal(request.lease?.token, replica.store.tokens.get('tenant:acme'))
    t.type(replica.store.tokens.get(key), 'string', 'a new token is on the wall')
    t.equal((await replica.served('acme')).lease?.tenant, request.lease?.tenant, 'and is the stamp')
  })
}

scenario(
  "G5: all tenants' token that vanishes again once it was claimed has changed for those not asked about, too",
  {},
  async (t, replica) => {
    replica.store.tokens.delete('all')
    const { lease } = await replica.served('acme')
    replica.store.tokens.delete('all')
    replica.request('ball')
    await replica.answerRead()

    t.ok(lease?.signal.aborted)
  },
)

scenario('G5: absent is never a stamp: what was claimed may vanish again', {}, async (t, replica) => {
  for (const version of [1, 2, 3]) {
    replica.store.tokens.clear()
    t.equal((await replica.served('acme')).outcome, `acme ${version}`)
    replica.manager.change('acme')
  }
  t.equal(replica.loads.count, 6, 'each time once to learn that it exists, and once more')
})

scenario(
  'R1, G5: a configuration that changed between the probe and the claim is loaded again',
  {},
  async (t, replica) => {
    replica.store.tokens.delete('tenant:acme')
    const request = await replica.building('acme')
    t.equal(replica.loads.count, 1)
    const token = replica.manager.restart('acme')
    await replica.answerClaim()

    t.equal(request.outcome, 'acme 2')
    t.equal(request.lease?.token, token, "the manager's token has won")
    t.equal(replica.loads.count, 2)
  },
)

scenario('G1, G5: a restart during a claim reaches the next request', {}, async (t, replica) => {
  replica.store.tokens.delete('tenant:acme')
  const early = await replica.building('acme')
  const claim = replica.store.next('claim').perform()
  const claimed = replica.store.tokens.get('tenant:acme')
  const token = replica.manager.restart('acme')
  claim.answer()
  await settle()
  t.equal(early.outcome, 'acme 2')
  t.equal(early.lease?.token, claimed, 'stamped with the claimed token, not with what came after it')

  const late = await replica.served('acme')
  t.equal(late.lease?.token, token)
  t.equal(late.outcome, 'acme 2')
  t.equal(replica.loads.count, 3)
})

scenario(
  'a claim counts as asked for when it was: a check asked for after it that finds another token wins',
  {},
  async (t, replica) => {
    replica.store.tokens.delete('tenant:acme')
    const early = await replica.building('acme')
    const claim = replica.store.next('claim').perform()
    replica.manager.restart('acme')
    const late = replica.request('acme')
    await replica.answerRead()
    claim.answer()
    await settle()
    t.equal(early.outcome, 'acme 2', 'those who waited are served')
    t.ok(early.lease?.signal.aborted, 'by what never enters the pool')

    await replica.answerRead()
    t.equal(late.outcome, 'acme 2')
    t.not(late.lease?.tenant, early.lease?.tenant)
  },
)

scenario(
  'a claim counts as asked for when it was: checks asked for before it do not outdate what was claimed',
  {},
  async (t, replica) => {
    replica.store.tokens.delete('tenant:acme')
    const first = replica.request('acme')
    await replica.answerRead()
    replica.loads.holding = true
    await replica.answerRead()
    const second = replica.request('acme')
    await replica.clock.turn()
    const read = replica.store.next('read').perform()
    replica.loads.letGo()
    await settle()
    await replica.answerClaim()
    read.answer()
    await settle()
    t.equal(first.outcome, 'acme 1')
    t.notOk(first.lease?.signal.aborted)

    await replica.answerRead()
    t.equal(second.lease?.tenant, first.lease?.tenant)
  },
)

scenario(
  'a tenant without a token that does not exist: 404, and nothing is written',
  {},
  async (t, replica) => {
    const before = new Map(replica.store.tokens)
    const request = await replica.served('nobody')

    t.equal(request.outcome, 'TENANTRY_ERR_TENANT_NOT_FOUND')
    t.equal(request.error?.statusCode, 404)
    t.equal(request.error?.retryAfterMs, undefined)
    t.same(replica.store.tokens, before)
    t.equal(replica.loads.count, 1)
  },
)

scenario('a tenant that was deleted: 404, and its generation in memory goes', {}, async (t, replica) => {
  const { lease } = await replica.served('acme')
  replica.manager.restart('acme')
  replica.manager.versions.delete('acme')

  t.equal((await replica.served('acme')).outcome, 'TENANTRY_ERR_TENANT_NOT_FOUND')
  t.ok(lease?.signal.aborted)
  t.equal(replica.pool.stats().tenants, 0)
})

scenario('a tenant that goes between its probe and its build: 404', {}, async (t, replica) => {
  replica.store.tokens.delete('tenant:acme')
  const request = await replica.building('acme')
  replica.manager.versions.delete('acme')
  await replica.answerClaim()

  t.equal(request.outcome, 'TENANTRY_ERR_TENANT_NOT_FOUND')
})

scenario('a probe under way is never joined', {}, async (t, replica) => {
  replica.store.tokens.delete('tenant:acme')
  replica.loads.holding = true
  const first = await replica.building('acme')
  const second = replica.request('acme')
  await replica.answerRead()
  t.match(replica.pool.stats(), { buildsRunning: 0, lookupsRunning: 1, buildsWaiting: 1 })

  replica.loads.letGo()
  await settle()
  await replica.answerClaim()
  t.equal(first.outcome, 'acme 1')
  t.equal(second.outcome, 'waits')
  await replica.answerRead()
  t.equal(second.lease?.tenant, first.lease?.tenant)
  t.equal(replica.loads.count, 2)
})

scenario('a build that knows its tokens after a claim is joined', {}, async (t, replica) => {
  replica.store.tokens.delete('tenant:acme')
  const first = await replica.building('acme')
  replica.loads.holding = true
  await replica.answerClaim()
  const second = replica.request('acme')
  await replica.answerRead()
  t.match(replica.pool.stats(), { buildsRunning: 1, buildsWaiting: 0 })

  replica.loads.letGo()
  await settle()
  t.equal(first.outcome, 'acme 1')
  t.equal(second.lease?.tenant, first.lease?.tenant)
})

t.test('G5: two replicas that claim at once agree on one token, and neither builds again', async (t) => {
  const one = new Replica()
  const { clock, manager, store } = one
  const other = new Replica({ clock, manager })
  store.tokens.delete('tenant:acme')
  const requests = [one.request('acme'), other.request('acme')]
  for (let reads = 0; reads < 4; reads += 1) await one.answerRead()
  const claims = [store.next('claim'), store.next('claim')]
  claims[1]?.perform()
  claims[0]?.answer()
  claims[1]?.answer()
  await settle()

  t.same(
    requests.map(({ lease }) => lease?.token),
    [store.tokens.get('tenant:acme'), store.tokens.get('tenant:acme')],
  )
  await one.served('acme')
  await other.served('acme')
  t.same([one.loads.count, other.loads.count], [2, 2])
  await mustEndWell(t, one)
  await mustEndWell(t, other)
})

for (const key of ['tenant:acme', 'all']) {
  scenario(
    `a claim of ${key} that the store refuses: 503, and the next request tries again`,
    {},
    async (t, replica) => {
      replica.store.tokens.delete(key)
      const request = await replica.building('acme')
      replica.store.next('claim').fail(new Error('read only'))
      await settle()
      t.equal(request.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')
      t.equal(replica.pool.stats().tenants, 0)

      t.equal((await replica.served('acme')).outcome, 'acme 1', 'without any back-off')
    },
  )
}

scenario(
  'a claim without an answer in time: 503, and what it answers late is not built under',
  {},
  async (t, replica) => {
    replica.store.tokens.delete('tenant:acme')
    const request = await replica.building('acme')
    await replica.clock.advance(250)
    t.equal(request.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')

    replica.store.next('claim').answer()
    await settle()
    t.equal(replica.loads.count, 1)
    t.match(replica.pool.stats(), { tenants: 0, buildsRunning: 0 })
  },
)

scenario('probes have slots of their own', { maxConcurrentBuilds: 1 }, async (t, replica) => {
  replica.store.tokens.delete('tenant:acme')
  replica.store.open = true
  replica.loads.holding = true
  for (const id of ['acme', 'ball', 'cape']) replica.request(id)
  for (let turns = 0; turns < 3; turns += 1) await replica.clock.turn()

  t.same(
    replica.loads.held.map(({ context }) => context.id),
    ['acme', 'ball'],
  )
  t.match(replica.pool.stats(), { lookupsRunning: 1, buildsRunning: 1, buildsWaiting: 1 })
})

scenario(
  'a slot is given back before one of the other kind is asked for',
  { maxConcurrentBuilds: 1 },
  async (t, replica) => {
    replica.store.tokens.delete('tenant:ball')
    const acme = replica.request('acme')
    const ball = replica.request('ball')
    await replica.answerRead()
    // The build of acme has the one slot for builds, that of ball the one for probes. Each needs the other's.
    replica.store.tokens.delete('tenant:acme')
    replica.store.tokens.set('tenant:ball', 'ball 1')
    await replica.answerRead()
    t.equal(ball.outcome, 'ball 1')

    await replica.answerClaim()
    t.equal(acme.outcome, 'acme 1')
  },
)

scenario(
  'a tenant whose token was claimed waits for a slot for builds like any other',
  { maxConcurrentBuilds: 1 },
  async (t, replica) => {
    replica.loads.holding = true
    const ball = await replica.building('ball')
    replica.store.tokens.delete('tenant:acme')
    const acme = await replica.building('acme')
    const [build, probe] = [replica.loads.next(), replica.loads.next()]
    probe.answer()
    await settle()
    await replica.answerClaim()
    t.same(replica.loads.held, [])

    build.answer()
    await settle()
    t.equal(ball.outcome, 'ball 1')
    replica.loads.next().answer()
    await settle()
    t.equal(acme.outcome, 'acme 1')
  },
)

scenario(
  'a tenant whose token was claimed is not built where too many builds wait',
  { maxConcurrentBuilds: 1, maxTenants: 1 },
  async (t, replica) => {
    replica.store.open = true
    replica.loads.holding = true
    replica.request('ball')
    for (let turns = 0; turns < 2; turns += 1) await replica.clock.turn()
    replica.request('cape')
    replica.store.tokens.delete('tenant:acme')
    const acme = replica.request('acme')
    for (let turns = 0; turns < 2; turns += 1) await replica.clock.turn()
    const [, probe] = replica.loads.held
    probe?.answer()
    await settle()
    t.equal(acme.outcome, 'TENANTRY_ERR_BUILD_QUEUE_FULL')
    t.match(replica.pool.stats(), { buildsRunning: 1, buildsWaiting: 1, lookupsRunning: 0 })
  },
)
