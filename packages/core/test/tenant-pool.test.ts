import t from 'tap'
import { settle } from './fakes/manual-clock.ts'
import { outcomes, Replica } from './fakes/replica.ts'
import { mustEndWell, scenario } from './fakes/scenario.ts'

scenario(
  'a tenant whose tokens have not changed is served from memory, for one read',
  {},
  async (t, replica) => {
    const { lease } = await replica.served('acme')
    const request = replica.request('acme')
    await replica.answerRead()

    t.equal(request.lease?.tenant, lease?.tenant)
    t.equal(replica.loads.count, 1)
    t.same(replica.store.held, [])
  },
)

scenario(
  'G1, R1: a restart that lands between the token read and the configuration read leads to another build',
  {},
  async (t, replica) => {
    const early = replica.request('acme')
    await replica.answerRead()
    await replica.clock.turn()
    const read = replica.store.next('read').perform()
    const token = replica.manager.restart('acme')
    read.answer()
    await settle()
    t.equal(early.outcome, 'acme 2')
    t.equal(early.lease?.token, 'acme 0', 'stamped with the token read before its configuration')

    const late = await replica.served('acme')
    t.equal(late.outcome, 'acme 2')
    t.equal(late.lease?.token, token)
    t.equal(replica.loads.count, 2)
  },
)

for (const step of ['loads', 'creates'] as const) {
  scenario(
    `G1: a restart while ${step === 'loads' ? 'the configuration is read' : 'the tenant is created'} reaches the next request`,
    {},
    async (t, replica) => {
      replica[step].holding = true
      const early = await replica.building('acme')
      const call = replica[step].next().perform()
      replica.manager.restart('acme')
      const late = replica.request('acme')
      await replica.answerRead()
      call.answer()
      await settle()
      t.equal(early.outcome, 'acme 1', 'it came before the restart')
      t.equal(late.outcome, 'waits')
      t.equal(replica.pool.stats().tenants, 0, 'what is outdated never enters the pool')

      replica[step].letGo()
      await replica.answerRead()
      t.equal(late.outcome, 'acme 2')
    },
  )
}

scenario('G1: a restart of all tenants reaches each with its next request', {}, async (t, replica) => {
  await replica.served('acme')
  await replica.served('ball')
  replica.manager.restartAll()

  t.equal((await replica.served('acme')).outcome, 'acme 2')
  t.equal((await replica.served('ball')).outcome, 'ball 2')
  t.equal((await replica.served('ball')).outcome, 'ball 2')
  t.equal(replica.loads.count, 4)
})

scenario(
  'G6: an answer about all tenants counts for those that were not asked about, too',
  {},
  async (t, replica) => {
    await replica.served('acme').then((request) => request.release())
    await replica.served('ball')
    replica.loads.holding = true
    const cape = await replica.building('cape')
    const dune = replica.request('dune')
    await replica.answerRead()
    await replica.clock.turn()
    const read = replica.store.next('read').perform()
    replica.manager.restartAll()
    replica.request('ball')
    await replica.answerRead()
    t.same(replica.disposals('acme'), ['1: 1'])

    read.answer()
    await settle()
    replica.loads.letGo()
    await settle()
    t.same(outcomes([cape, dune]), ['cape 2', 'dune 2'])
    t.ok(cape.lease?.signal.aborted, 'whose build was under way')
    t.ok(dune.lease?.signal.aborted, 'whose build did not know its tokens yet')
    t.equal(replica.pool.stats().tenants, 0)

    await replica.clock.turn()
    replica.store.next('read').fail(new Error('connection lost'))
    await settle()
    const late = replica.request('acme')
    await settle()
    t.equal(late.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')
  },
)

t.test('G1: two replicas take a restart up, each with its own next request', async (t) => {
  const one = new Replica()
  const { clock, manager } = one
  const other = new Replica({ clock, manager })
  await one.served('acme')
  await other.served('acme')
  manager.restart('acme')

  t.equal((await other.served('acme')).outcome, 'acme 2')
  t.equal((await one.served('acme')).outcome, 'acme 2')
  await mustEndWell(t, one)
  await mustEndWell(t, other)
})

scenario('R4: checks asked for in one turn share one read of their distinct keys', {}, async (t, replica) => {
  await replica.served('acme')
  await replica.served('ball')
  const requests = ['acme', 'ball', 'cape', 'acme', 'ball'].map((id) => replica.request(id))
  await replica.clock.turn()

  t.same(
    replica.store.held.map(({ kind, keys }) => [kind, [...keys].sort()]),
    [['read', ['all', 'all-hosts', 'tenant:acme', 'tenant:ball', 'tenant:cape']]],
  )
  await replica.answerRead()
  t.same(outcomes(requests), ['acme 1', 'ball 1', 'waits', 'acme 1', 'ball 1'])
})

scenario('R4: a check never joins a read that is under way', {}, async (t, replica) => {
  await replica.served('acme')
  const early = replica.request('acme')
  await replica.clock.turn()
  const read = replica.store.next('read').perform()
  replica.manager.restart('acme')
  const late = replica.request('acme')
  await replica.clock.turn()
  read.answer()
  await settle()
  t.equal(early.outcome, 'acme 1', 'its check was answered before the restart')
  t.equal(late.outcome, 'waits')

  await replica.answerRead()
  await replica.answerRead()
  t.equal(late.outcome, 'acme 2')
})

scenario(
  'G6: of two reads the one asked for later is answered first: what it outdates is served to nobody',
  {},
  async (t, replica) => {
    await replica.served('acme')
    const early = replica.request('acme')
    await replica.clock.turn()
    const read = replica.store.next('read').perform()
    replica.manager.restart('acme')
    const late = replica.request('acme')
    await replica.answerRead()
    read.answer()
    await settle()
    t.equal(early.outcome, 'waits', 'although its own answer equals the stamp')

    for (let reads = 0; reads < 2; reads += 1) await replica.answerRead()
    t.equal(late.outcome, 'acme 2')
    t.equal(early.outcome, 'acme 2')
    t.equal(replica.loads.count, 2)
  },
)

scenario('an answer outdates nothing that was asked for after it', {}, async (t, replica) => {
  await replica.served('acme')
  const early = replica.request('acme')
  await replica.clock.turn()
  const read = replica.store.next('read').perform()
  replica.manager.restart('acme')
  const { lease } = await replica.served('acme')
  read.answer()
  await settle()
  t.notOk(lease?.signal.aborted, 'the tenant that was built meanwhile stays')

  await replica.answerRead()
  t.equal(early.lease?.tenant, lease?.tenant, 'and is found there')
  t.equal(replica.loads.count, 2)
})

scenario('a tenant that was built while its tokens were read is served at once', {}, async (t, replica) => {
  const request = replica.request('acme')
  await replica.clock.turn()
  const read = replica.store.next('read').perform()
  const { lease } = await replica.served('acme')
  read.answer()
  await settle()

  t.equal(request.lease?.tenant, lease?.tenant)
})

scenario('G2: a lease keeps its tenant across a restart', {}, async (t, replica) => {
  const { lease } = await replica.served('acme')
  const site = lease?.tenant
  replica.manager.restart('acme')

  t.equal((await replica.served('acme')).outcome, 'acme 2')
  t.equal(lease?.tenant, site)
  t.same(site, { id: 'acme', version: 1, disposals: 0 })
  t.equal(lease?.token, 'acme 0')
})

scenario('G5: a token that was replaced by the empty string has changed', {}, async (t, replica) => {
  await replica.served('acme')
  replica.manager.change('acme')
  replica.store.tokens.set('tenant:acme', '')

  t.equal((await replica.served('acme')).outcome, 'acme 2')
  t.equal((await replica.served('acme')).lease?.token, '', 'and is a token like any other')
  t.equal(replica.loads.count, 2)
})

scenario(
  'G6: a tenant found to differ is served to nobody, even if the store dies before it is rebuilt',
  {},
  async (t, replica) => {
    await replica.served('acme')
    replica.manager.restart('acme')
    const first = replica.request('acme')
    await replica.answerRead()
    await replica.clock.turn()
    await replica.clock.advance(250)
    t.equal(first.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')

    const second = replica.request('acme')
    await settle()
    t.equal(second.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')
    t.equal(second.error?.statusCode, 503)
  },
)

scenario(
  'G6: a tenant found to differ is served to nobody, even if its rebuild fails and then the store dies',
  {},
  async (t, replica) => {
    await replica.served('acme')
    replica.manager.restart('acme')
    replica.loads.carryOut = () => {
      throw new Error('the authority is down')
    }
    t.equal((await replica.served('acme')).outcome, 'TENANTRY_ERR_BUILD_FAILED')

    const second = replica.request('acme')
    await replica.clock.turn()
    replica.store.next('read').fail(new Error('connection lost'))
    await settle()
    t.equal(second.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')
  },
)

scenario(
  'G6: a check without an answer in time serves what is in memory; its late answer still outdates it',
  { maxUncheckedMs: 1000, sweepMs: 500 },
  async (t, replica) => {
    await replica.served('acme')
    replica.manager.restart('acme')
    const first = replica.request('acme')
    await replica.clock.turn()
    const read = replica.store.next('read').perform()
    await replica.clock.advance(249)
    t.equal(first.outcome, 'waits')
    await replica.clock.advance(1)
    t.equal(first.outcome, 'acme 1')

    read.answer()
    await settle()
    const second = replica.request('acme')
    await settle()
    t.equal(second.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')
  },
)

scenario(
  'G6: a tenant that is not checked is served until maxUncheckedMs after its last check was asked for',
  { maxUncheckedMs: 1000, sweepMs: 500 },
  async (t, replica) => {
    await replica.served('acme')
    await replica.clock.advance(50)
    const checked = replica.request('acme')
    await replica.clock.turn()
    await replica.clock.advance(100)
    await replica.answerRead()
    t.equal(checked.outcome, 'acme 1')
    replica.request('acme')
    await replica.clock.turn()
    replica.store.next('read').fail(new Error('connection lost'))

    await replica.clock.advance(900)
    const inTime = replica.request('acme')
    await settle()
    await replica.clock.advance(1)
    const late = replica.request('acme')
    const unknown = replica.request('ball')
    await settle()
    t.equal(inTime.outcome, 'acme 1')
    t.equal(late.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')
    t.equal(unknown.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')
    t.equal(replica.loads.count, 1)
  },
)

scenario(
  'a key that the store cannot read fails its own checks, and does not hide that the other has changed',
  {},
  async (t, replica) => {
    await replica.served('acme')
    await replica.served('ball')
    replica.store.tokens.set('tenant:acme', new Error('not a token'))
    t.equal((await replica.served('acme')).outcome, 'acme 1')
    t.equal((await replica.served('cape')).outcome, 'cape 1')

    replica.manager.restartAll()
    t.equal((await replica.served('acme')).outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')
    t.equal((await replica.served('ball')).outcome, 'ball 2')
  },
)

scenario('an id that no token key can speak for is refused', {}, async (t, replica) => {
  await t.rejects(replica.pool.acquire(''), { code: 'TENANTRY_ERR_TENANT_ID_INVALID', statusCode: 400 })
  await t.rejects(replica.pool.acquire('x'.repeat(256)), { code: 'TENANTRY_ERR_TENANT_ID_INVALID' })
  await replica.clock.turn()
  t.same(replica.store.held, [], 'before anything is read')
})
