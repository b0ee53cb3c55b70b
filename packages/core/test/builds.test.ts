import { settle } from './fakes/manual-clock.ts'
import { outcomes, type Request } from './fakes/replica.ts'
import { scenario } from './fakes/scenario.ts'

scenario(
  'G4: at most one build of a tenant runs and one waits, which all join whatever they have read',
  {},
  async (t, replica) => {
    replica.loads.holding = true
    const requests = [await replica.building('acme')]
    const load = replica.loads.next().perform()
    for (let restart = 0; restart < 4; restart += 1) {
      replica.manager.restart('acme')
      requests.push(replica.request('acme'))
      await replica.answerRead()
    }
    t.match(replica.pool.stats(), { buildsRunning: 1, buildsWaiting: 1 })
    t.equal(replica.loads.count, 1)

    replica.loads.letGo()
    load.answer()
    await settle()
    await replica.answerRead()
    t.same(outcomes(requests), ['acme 1', 'acme 5', 'acme 5', 'acme 5', 'acme 5'])
    t.equal(replica.loads.count, 2)
  },
)

scenario(
  'G4: slots are first come, first served; a build that waits behind another does not inherit its slot',
  { maxConcurrentBuilds: 2 },
  async (t, replica) => {
    replica.loads.holding = true
    replica.store.open = true
    const loads: typeof replica.loads.held = []
    const begun = async () => {
      for (let turns = 0; turns < 2; turns += 1) await replica.clock.turn()
      loads.push(...replica.loads.held.splice(0))
      return loads.map(({ context }) => context.id)
    }
    replica.request('acme')
    replica.request('ball')
    await begun()
    replica.manager.restart('acme')
    replica.request('acme')
    await begun()
    replica.request('cape')
    replica.request('dune')
    t.same(await begun(), ['acme', 'ball'])
    t.match(replica.pool.stats(), { buildsRunning: 2, buildsWaiting: 3 })

    loads[0]?.answer()
    t.same(await begun(), ['acme', 'ball', 'cape'])
    loads[1]?.answer()
    t.same(await begun(), ['acme', 'ball', 'cape', 'dune'])
    loads[2]?.answer()
    t.same(await begun(), ['acme', 'ball', 'cape', 'dune', 'acme'])
    for (const load of loads) load.answer()
  },
)

scenario(
  'G4: at most maxTenants builds wait, behind others of their tenant or for a slot; one that waits is joined all the same',
  { maxTenants: 2, maxConcurrentBuilds: 1 },
  async (t, replica) => {
    replica.loads.holding = true
    const running = await replica.building('acme')
    replica.manager.restart('acme')
    const behind = replica.request('acme')
    const queued = replica.request('ball')
    await replica.answerRead()
    t.match(replica.pool.stats(), { buildsRunning: 1, buildsWaiting: 2 })

    const refused = replica.request('cape')
    const joining = replica.request('ball')
    await replica.answerRead()
    t.equal(refused.outcome, 'TENANTRY_ERR_BUILD_QUEUE_FULL')
    t.equal(refused.error?.statusCode, 503)
    t.same(outcomes([running, behind, queued, joining]), ['waits', 'waits', 'waits', 'waits'])

    replica.store.letGo()
    replica.loads.letGo()
    for (let turns = 0; turns < 4; turns += 1) await replica.clock.turn()
    t.same(outcomes([running, behind, queued, joining]), ['acme 2', 'acme 2', 'ball 1', 'ball 1'])
    t.equal(replica.pool.stats().buildsWaiting, 0)
    t.equal((await replica.served('cape')).outcome, 'cape 1', 'and now there is room again')
  },
)

scenario(
  'G1, G4: restarted every 100 ms with builds of 2 s, every request is served by what was read after the last restart before it',
  {},
  async (t, replica) => {
    const { clock, loads, manager } = replica
    loads.holding = true
    replica.store.open = true
    let running = 0
    let mostRunning = 0
    const begin = () => {
      for (const load of loads.held.splice(0)) {
        load.perform()
        running += 1
        mostRunning = Math.max(mostRunning, running)
        clock.setTimeout(() => {
          running -= 1
          load.answer()
        }, 2000)
      }
    }
    const arrived: { request: Request; version: number }[] = []
    for (let time = 0; time < 14_000; time += 50) {
      if (time < 10_000) {
        if (time % 100 === 0) manager.restart('acme')
        arrived.push({ request: replica.request('acme'), version: manager.read('acme')?.version ?? 0 })
      }
      for (let turns = 0; turns < 3; turns += 1) {
        await clock.turn()
        begin()
      }
      await clock.advance(50)
      for (const { request } of arrived) request.release()
    }

    t.equal(arrived.length, 200)
    t.same(
      arrived.filter(({ request, version }) => (request.lease?.tenant.version ?? 0) < version),
      [],
    )
    t.equal(mostRunning, 1)
    t.equal(loads.count, 6, 'one at the start, and one each time that one is done')
  },
)

scenario(
  'a load that never answers: its signal fires, those who wait get 503, and its place is free',
  { maxConcurrentBuilds: 1 },
  async (t, replica) => {
    replica.loads.holding = true
    const first = await replica.building('acme')
    const { context, answer } = replica.loads.next()
    const ball = replica.request('ball')
    await replica.answerRead()
    await replica.clock.advance(9999)
    t.notOk(context.signal.aborted)
    await replica.clock.advance(1)
    t.ok(context.signal.aborted)
    t.match(context.signal.reason, { code: 'TENANTRY_ERR_BUILD_TIMEOUT' })
    t.equal(first.outcome, 'TENANTRY_ERR_BUILD_FAILED')
    t.match(first.error, { statusCode: 503, retryAfterMs: 500, cause: context.signal.reason })

    replica.loads.letGo()
    replica.manager.restart('acme')
    const second = await replica.served('acme')
    t.same(outcomes([ball, second]), ['ball 1', 'acme 2'])

    answer()
    await settle()
    t.equal(replica.creates.count, 2, 'a load that ends late creates nothing')
    t.equal((await replica.served('acme')).lease?.tenant, second.lease?.tenant)
  },
)

scenario('a load that heeds its signal has failed for the reason of the signal', {}, async (t, replica) => {
  replica.loads.call = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
  const acme = await replica.building('acme')
  await replica.clock.advance(10_000)
  t.match(acme.error, { code: 'TENANTRY_ERR_BUILD_FAILED', cause: { code: 'TENANTRY_ERR_BUILD_TIMEOUT' } })

  const ball = await replica.building('ball')
  await replica.pool.close()
  await settle()
  t.equal(ball.outcome, 'TENANTRY_ERR_POOL_CLOSED')
  t.same(replica.events, ['buildFailed'], 'and at close it has not failed')
})

for (const late of ['answers', 'fails'] as const) {
  scenario(
    `load and create share the time limit; a create that ${late} late harms nothing`,
    {},
    async (t, replica) => {
      replica.creates.holding = true
      replica.loads.holding = true
      const request = await replica.building('acme')
      await replica.clock.advance(6000)
      replica.loads.next().answer()
      await replica.clock.advance(3999)
      t.equal(request.outcome, 'waits')
      await replica.clock.advance(1)
      t.equal(request.outcome, 'TENANTRY_ERR_BUILD_FAILED')

      const create = replica.creates.next()
      t.ok(create.context.signal.aborted)
      if (late === 'fails') create.fail(new Error('too late'))
      else create.answer()
      await settle()
      t.same(replica.disposals('acme'), late === 'fails' ? [] : ['1: 1'], 'what it made is disposed of')
      t.match(replica.pool.stats(), { tenants: 0, draining: 0, buildsRunning: 0 })
    },
  )
}

scenario('a probe that never answers: 503 as well, and nothing is claimed', {}, async (t, replica) => {
  replica.store.tokens.delete('tenant:acme')
  replica.loads.holding = true
  const request = await replica.building('acme')
  const probe = replica.loads.next()
  await replica.clock.advance(10_000)
  t.equal(request.outcome, 'TENANTRY_ERR_BUILD_FAILED')
  t.ok(probe.context.signal.aborted)

  probe.answer()
  await replica.clock.turn()
  t.notOk(replica.store.tokens.has('tenant:acme'))
  t.equal(replica.loads.count, 1)
})

scenario(
  'a probe and the build after it share one time limit, in which waits for slots do not count',
  { maxConcurrentBuilds: 1 },
  async (t, replica) => {
    replica.loads.holding = true
    const ball = await replica.building('ball')
    replica.store.tokens.delete('tenant:acme')
    const acme = await replica.building('acme')
    const [build, probe] = [replica.loads.next(), replica.loads.next()]
    await replica.clock.advance(6000)
    probe.answer()
    await settle()
    await replica.answerClaim()
    await replica.clock.advance(3000)
    build.answer()
    await settle()
    t.equal(ball.outcome, 'ball 1')

    await replica.clock.advance(3999)
    t.equal(acme.outcome, 'waits')
    await replica.clock.advance(1)
    t.equal(acme.outcome, 'TENANTRY_ERR_BUILD_FAILED')
  },
)

scenario('a build that is done leaves no timer', { buildTimeoutMs: 5000 }, async (t, replica) => {
  const timers = replica.clock.timers
  await replica.served('acme')
  t.equal(replica.clock.timers, timers)

  replica.loads.carryOut = () => {
    throw new Error('the authority is down')
  }
  await replica.served('ball')
  t.equal(replica.clock.timers, timers)
})
