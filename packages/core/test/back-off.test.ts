import { settle } from './fakes/manual-clock.ts'
import type { Replica } from './fakes/replica.ts'
import { scenario } from './fakes/scenario.ts'

const FAILED = 'TENANTRY_ERR_BUILD_FAILED'

/** From now on the configuration of acme cannot be read. */
function breakAcme(replica: Replica): Error {
  const failure = new Error('acme is broken')
  replica.loads.carryOut = ({ id }) => {
    if (id === 'acme') throw failure
    return replica.manager.read(id)
  }
  return failure
}

function mendAcme(replica: Replica): void {
  replica.loads.carryOut = ({ id }) => replica.manager.read(id)
}

scenario(
  'G7: builds that fail under the same tokens back off, twice as long each time',
  {},
  async (t, replica) => {
    const cause = breakAcme(replica)
    let loads = 0
    for (const retryAfterMs of [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      const failed = await replica.served('acme')
      loads += 1
      t.match(failed.error, { code: FAILED, statusCode: 503, retryAfterMs, cause })
      await replica.clock.advance(retryAfterMs - 1)
      const refused = await replica.served('acme')
      t.match(refused.error, { code: FAILED, statusCode: 503, retryAfterMs: 1, cause: undefined })
      t.equal(replica.loads.count, loads)
      await replica.clock.advance(1)
    }
    t.equal(replica.told.filter(([name]) => name === 'buildFailed').length, loads, 'told once per failure')
  },
)

for (const restart of ['restart', 'restartAll'] as const) {
  scenario(`G7: a new token ends the back-off at once (${restart})`, {}, async (t, replica) => {
    breakAcme(replica)
    await replica.served('acme')
    await replica.clock.advance(500)
    t.match((await replica.served('acme')).error, { code: FAILED, retryAfterMs: 1000 })
    replica.manager[restart]('acme')
    t.match(
      (await replica.served('acme')).error,
      { code: FAILED, retryAfterMs: 500 },
      'and the count begins anew',
    )

    mendAcme(replica)
    t.equal((await replica.served('acme')).outcome, FAILED)
    replica.manager[restart]('acme')
    t.equal((await replica.served('acme')).outcome, 'acme 3')
  })
}

scenario('G7: a tenant that cannot be built hurts its own requests only', {}, async (t, replica) => {
  await replica.served('ball')
  breakAcme(replica)
  t.equal((await replica.served('acme')).outcome, FAILED)

  t.equal((await replica.served('ball')).outcome, 'ball 1')
  t.equal((await replica.served('cape')).outcome, 'cape 1')
})

scenario('G7: when the back-off is over the tenant is built', {}, async (t, replica) => {
  breakAcme(replica)
  await replica.served('acme')
  mendAcme(replica)
  t.equal((await replica.served('acme')).outcome, FAILED)
  await replica.clock.advance(500)

  t.equal((await replica.served('acme')).outcome, 'acme 1')
})

scenario('a build that goes well ends the count', { maxTenants: 1 }, async (t, replica) => {
  breakAcme(replica)
  await replica.served('acme')
  await replica.clock.advance(500)
  mendAcme(replica)
  t.equal((await replica.served('acme')).outcome, 'acme 1')
  await replica.served('ball')
  breakAcme(replica)

  t.match((await replica.served('acme')).error, { code: FAILED, retryAfterMs: 500 })
})

scenario(
  'what backs off fails at once, without taking part in the queue',
  { maxConcurrentBuilds: 1, maxTenants: 1 },
  async (t, replica) => {
    breakAcme(replica)
    await replica.served('acme')
    replica.loads.holding = true
    await replica.building('ball')
    replica.request('cape')
    await replica.answerRead()
    t.match(replica.pool.stats(), { buildsRunning: 1, buildsWaiting: 1 }, 'which is full')

    const refused = replica.request('acme')
    await replica.answerRead()
    t.match(refused.error, { code: FAILED, retryAfterMs: 500 })
  },
)

scenario(
  'a build that waits fails at once, too, if it finds the tokens under which the one before it has failed',
  {},
  async (t, replica) => {
    replica.loads.holding = true
    const first = replica.request('acme')
    await replica.answerRead()
    await replica.clock.turn()
    const read = replica.store.next('read').perform()
    const second = replica.request('acme')
    await replica.answerRead()
    read.answer()
    await settle()
    replica.loads.next().fail(new Error('acme is broken'))
    await settle()
    t.equal(first.outcome, FAILED)
    t.equal(second.outcome, 'waits')

    await replica.answerRead()
    t.match(second.error, { code: FAILED, retryAfterMs: 500, cause: undefined })
    t.equal(replica.loads.count, 1)
    t.same(replica.events, ['buildFailed'], 'which is not told again')
  },
)

scenario(
  'a build that waits is not refused for what another token has failed under',
  {},
  async (t, replica) => {
    replica.loads.holding = true
    await replica.building('acme')
    replica.manager.restart('acme')
    const late = replica.request('acme')
    await replica.answerRead()
    replica.loads.next().fail(new Error('acme is broken'))
    replica.loads.letGo()
    await settle()
    await replica.answerRead()

    t.equal(late.outcome, 'acme 2')
  },
)

scenario('a probe that fails backs off as well, until there is a token', {}, async (t, replica) => {
  breakAcme(replica)
  replica.store.tokens.delete('tenant:acme')
  t.match((await replica.served('acme')).error, { code: FAILED, retryAfterMs: 500 })
  t.equal((await replica.served('acme')).outcome, FAILED)
  t.equal(replica.loads.count, 1)
  t.notOk(replica.store.tokens.has('tenant:acme'), 'and claims nothing')

  mendAcme(replica)
  replica.manager.restart('acme')
  t.equal((await replica.served('acme')).outcome, 'acme 2')
})

for (const { what, load, create, message } of [
  { what: 'a load that returns null', load: null, create: {}, message: /`load` to return .* got null/ },
  {
    what: 'a create that returns undefined',
    load: {},
    create: undefined,
    message: /`create` .* got undefined/,
  },
  { what: 'a create that returns null', load: {}, create: null, message: /`create` to return .* got null/ },
]) {
  scenario(`${what} has failed, with a word on what was expected`, {}, async (t, replica) => {
    replica.loads.carryOut = () => load as never
    replica.creates.carryOut = () => create as never
    const { error } = await replica.served('acme')
    t.match(error, { code: FAILED, retryAfterMs: 500, cause: { name: 'TypeError', message } })
    t.equal(replica.pool.stats().tenants, 0)
  })
}

scenario('what load or create throws is the cause, whatever it is', {}, async (t, replica) => {
  replica.creates.carryOut = () => {
    throw undefined
  }
  const { error } = await replica.served('acme')
  t.match(error, { code: FAILED, retryAfterMs: 500 })
  t.same(replica.events, ['buildFailed'])
})

scenario('failures of the store do not back off', {}, async (t, replica) => {
  const request = replica.request('acme')
  await replica.answerRead()
  await replica.clock.turn()
  replica.store.next('read').fail(new Error('connection lost'))
  await settle()
  t.equal(request.outcome, 'TENANTRY_ERR_STORE_UNREACHABLE')
  replica.store.letGo()
  await replica.clock.turn()

  t.equal((await replica.served('acme')).outcome, 'acme 1')
  t.notOk(replica.events.includes('buildFailed'))
})

scenario('that there is no such tenant does not back off', { unknownForMs: 100 }, async (t, replica) => {
  t.equal((await replica.served('nobody')).outcome, 'TENANTRY_ERR_TENANT_NOT_FOUND')
  await replica.clock.advance(101)
  replica.manager.change('nobody')

  t.equal((await replica.served('nobody')).outcome, 'nobody 1')
})
