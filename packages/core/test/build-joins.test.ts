import { settle } from './fakes/manual-clock.ts'
import { outcomes } from './fakes/replica.ts'
import { scenario } from './fakes/scenario.ts'

scenario('requests that have read just the tokens of the build under way join it', {}, async (t, replica) => {
  replica.loads.holding = true
  const requests = [await replica.building('acme')]
  for (let more = 0; more < 3; more += 1) {
    requests.push(replica.request('acme'))
    await replica.answerRead()
  }
  t.match(replica.pool.stats(), { buildsRunning: 1, buildsWaiting: 0 })

  replica.loads.next().answer()
  await settle()
  t.same(new Set(requests.map(({ lease }) => lease?.tenant)), new Set(replica.made))
  t.equal(replica.pool.stats().leases, 4)
})

scenario(
  'G1: a request that has read other tokens does not join the build under way, nor is served by it',
  {},
  async (t, replica) => {
    replica.loads.holding = true
    const early = await replica.building('acme')
    const load = replica.loads.next().perform()
    replica.manager.restart('acme')
    const late = replica.request('acme')
    await replica.answerRead()
    load.answer()
    await settle()
    t.equal(early.outcome, 'acme 1')
    t.equal(late.outcome, 'waits')
    t.match(replica.pool.stats(), { tenants: 0, draining: 1 }, 'nor does it enter the pool')

    replica.loads.letGo()
    await replica.answerRead()
    t.equal(late.outcome, 'acme 2')
    t.notOk(late.lease?.signal.aborted, 'and the late build does not replace the newer tenant')
  },
)

scenario(
  'G1: a request does not join a build that an answer asked for later has outdated, whatever it has read itself',
  {},
  async (t, replica) => {
    replica.loads.holding = true
    await replica.building('acme')
    const load = replica.loads.next().perform()
    const old = replica.request('acme')
    await replica.clock.turn()
    const read = replica.store.next('read').perform()
    replica.manager.restart('acme')
    const late = replica.request('acme')
    await replica.answerRead()
    read.answer()
    await settle()

    replica.loads.letGo()
    load.answer()
    await settle()
    await replica.answerRead()
    t.same(outcomes([old, late]), ['acme 2', 'acme 2'])
  },
)

scenario('a build whose tokens are not known yet is not joined', {}, async (t, replica) => {
  const first = replica.request('acme')
  await replica.answerRead()
  await replica.clock.turn()
  const read = replica.store.next('read').perform()
  const second = replica.request('acme')
  await replica.answerRead()
  t.match(replica.pool.stats(), { buildsRunning: 1, buildsWaiting: 1 })

  read.answer()
  await settle()
  t.equal(first.outcome, 'acme 1')
  t.equal(second.outcome, 'waits')
})

scenario('a build takes the pooled tenant if it is under just the tokens read', {}, async (t, replica) => {
  const first = replica.request('acme')
  await replica.answerRead()
  await replica.clock.turn()
  const read = replica.store.next('read').perform()
  const second = replica.request('acme')
  await replica.answerRead()
  read.answer()
  await replica.answerRead()

  t.equal(second.lease?.tenant, first.lease?.tenant)
  t.equal(replica.loads.count, 1)
  t.same(replica.events, ['built'])
})

scenario(
  'a build that an answer has outdated before it knew its own tokens never enters the pool',
  {},
  async (t, replica) => {
    const first = replica.request('acme')
    await replica.answerRead()
    await replica.clock.turn()
    const read = replica.store.next('read').perform()
    replica.request('acme')
    await replica.clock.turn()
    const older = replica.store.next('read').perform()
    replica.manager.restart('acme')
    const late = replica.request('acme')
    await replica.answerRead()
    // It was asked for later than the build's, but not as late as the one that has been answered.
    older.answer()
    await settle()
    read.answer()
    await settle()
    t.equal(first.lease?.token, 'acme 0')
    t.ok(first.lease?.signal.aborted)
    t.match(replica.pool.stats(), { tenants: 0, draining: 1 })

    await replica.answerRead()
    t.equal(late.lease?.token, 'acme 1')
    t.equal(replica.pool.stats().tenants, 1)
  },
)

for (const { key, restart } of [
  { key: 'tenant:acme', restart: 'restartAll' },
  { key: 'all', restart: 'restart' },
] as const) {
  scenario(`the same where the answer could not tell of ${key}, but of the other`, {}, async (t, replica) => {
    const first = replica.request('acme')
    await replica.answerRead()
    await replica.clock.turn()
    const read = replica.store.next('read').perform()
    replica.request('acme')
    await replica.clock.turn()
    const older = replica.store.next('read').perform()
    replica.manager[restart]('acme')
    const token = replica.store.tokens.get(key)
    replica.store.tokens.set(key, new Error('not a token'))
    const late = replica.request('acme')
    await replica.answerRead()
    t.equal(late.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')

    replica.store.tokens.set(key, token ?? '')
    older.answer()
    await settle()
    read.answer()
    await settle()
    t.ok(first.lease?.signal.aborted)
    t.equal(replica.pool.stats().tenants, 0)
  })
}

for (const restart of ['restart', 'restartAll'] as const) {
  scenario(
    `a build under tokens newer than those that a request has read is not joined (${restart})`,
    {},
    async (t, replica) => {
      const old = replica.request('acme')
      await replica.clock.turn()
      const read = replica.store.next('read').perform()
      replica.manager[restart]('acme')
      replica.loads.holding = true
      const first = await replica.building('acme')
      read.answer()
      await settle()
      t.match(replica.pool.stats(), { buildsRunning: 1, buildsWaiting: 1 })

      replica.loads.letGo()
      await settle()
      t.equal(first.outcome, 'acme 2')
      t.equal(old.outcome, 'waits')
      await replica.answerRead()
      t.equal(old.lease?.tenant, first.lease?.tenant)
    },
  )
}
