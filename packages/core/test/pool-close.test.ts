import t from 'tap'
import { hostDirectory } from '../src/host-directory.ts'
import { settle } from './fakes/manual-clock.ts'
import { outcomes, Replica, type ReplicaOptions, type Request } from './fakes/replica.ts'
import { mustEndWell, scenario } from './fakes/scenario.ts'

const CLOSED = 'TENANTRY_ERR_POOL_CLOSED'

/** Closes the pool, and tells later whether that is done. */
function closing(replica: Replica): { done: boolean } {
  const closing = { done: false }
  replica.pool.close().then(() => {
    closing.done = true
  })
  return closing
}

scenario('a pool that is closed gives out no more leases, and asks nothing', {}, async (t, replica) => {
  const request = await replica.served('acme')
  const used = t.rejects(
    () => replica.pool.use('acme', () => t.fail('must not run')),
    { code: CLOSED },
    'once closed',
  )
  const close = closing(replica)
  const late = replica.request('acme')
  await replica.clock.turn()
  t.equal(late.outcome, CLOSED)
  t.equal(late.error?.statusCode, 503)
  await used
  t.same(replica.store.held, [])

  request.release()
  await settle()
  t.ok(close.done)
  t.equal(replica.clock.timers, 0, 'no timer is left')
})

scenario('close ends the checks that are under way, and gives their leases back', {}, async (t, replica) => {
  await replica.served('acme').then((request) => request.release())
  const asked = [replica.request('acme'), replica.request('ball')]
  await replica.clock.turn()
  const gathered = [replica.request('acme'), replica.request('ball')]
  const close = closing(replica)
  await settle()
  t.same(outcomes([...asked, ...gathered]), [CLOSED, CLOSED, CLOSED, CLOSED])
  t.same(replica.disposals('acme'), ['1: 1'])
  t.ok(close.done, 'without waiting for the store')

  await replica.answerRead()
  t.same(replica.events, ['built', 'disposed'], 'whose late answer means nothing any more')
})

scenario(
  'close ends builds, those that run and those that wait',
  { maxConcurrentBuilds: 1 },
  async (t, replica) => {
    replica.store.open = true
    replica.loads.holding = true
    const requests = [replica.request('acme')]
    for (let turns = 0; turns < 2; turns += 1) await replica.clock.turn()
    replica.manager.restart('acme')
    requests.push(replica.request('acme'), replica.request('ball'))
    await replica.clock.turn()
    t.match(replica.pool.stats(), { buildsRunning: 1, buildsWaiting: 2 })

    const close = closing(replica)
    await settle()
    t.same(outcomes(requests), [CLOSED, CLOSED, CLOSED])
    t.match(replica.pool.stats(), { buildsRunning: 0, buildsWaiting: 0 })
    t.ok(close.done)
    const load = replica.loads.next()
    t.equal(load.context.signal.reason.code, CLOSED)

    load.answer()
    await settle()
    t.equal(replica.creates.count, 0, 'a load that ends late creates nothing')
    t.equal(replica.loads.count, 1, 'and what waited is not loaded')
    t.equal(replica.clock.timers, 0)
    t.same(replica.events, [], 'which is not a failure to tell of')
  },
)

scenario('what a create makes after close is disposed of', {}, async (t, replica) => {
  replica.creates.holding = true
  const request = await replica.building('acme')
  closing(replica)
  await settle()
  t.equal(request.outcome, CLOSED)
  const create = replica.creates.next()
  t.equal(create.context.signal.reason.code, CLOSED)

  create.answer()
  await settle()
  t.same(replica.disposals('acme'), ['1: 1'])
})

scenario('close ends a claim that is under way', {}, async (t, replica) => {
  replica.store.tokens.delete('tenant:acme')
  const request = await replica.building('acme')
  closing(replica)
  await settle()
  t.equal(request.outcome, CLOSED)

  replica.store.next('claim').answer()
  await settle()
  t.equal(replica.loads.count, 1)
})

scenario(
  'close waits for leases, then disposes of their tenants, then closes the store that the pool has opened',
  { opensStore: true },
  async (t, replica) => {
    const [acme, other, ball] = [
      await replica.served('acme'),
      await replica.served('acme'),
      await replica.served('ball'),
    ]
    const close = closing(replica)
    await settle()
    t.equal(acme.lease?.signal.reason.code, CLOSED)
    t.equal(ball.lease?.signal.reason.code, CLOSED)
    acme.release()
    ball.release()
    await settle()
    t.same([replica.disposals('acme'), replica.disposals('ball')], [['1: 0'], ['1: 1']])
    t.notOk(replica.store.closed)
    t.notOk(close.done)

    other.release()
    await settle()
    t.same(replica.disposals('acme'), ['1: 1'])
    t.ok(replica.store.closed)
    t.ok(close.done)
  },
)

scenario('close waits for leases until the drain deadline', { drainTimeoutMs: 700 }, async (t, replica) => {
  const draining = await replica.served('acme')
  replica.manager.restart('acme')
  const pooled = await replica.served('acme')
  await replica.clock.advance(400)
  const close = closing(replica)
  await settle()
  await replica.clock.advance(300)
  t.same(replica.disposals('acme'), ['1: 1', '2: 0'], 'each from when its tenant left')
  t.equal(draining.lease?.signal.reason.code, 'TENANTRY_ERR_TENANT_RESTARTED')
  await replica.clock.advance(399)
  t.notOk(close.done)
  await replica.clock.advance(1)
  t.same(replica.disposals('acme'), ['1: 1', '2: 1'])
  t.ok(close.done)
  pooled.release()
})

const disposals: (() => void)[] = []
scenario(
  'close waits for every dispose that is under way, those that fail too',
  { dispose: () => new Promise((resolve, reject) => disposals.push(resolve, reject)), opensStore: true },
  async (t, replica) => {
    await replica.served('acme').then((request) => request.release())
    replica.manager.restart('acme')
    await replica.served('acme').then((request) => request.release())
    const close = closing(replica)
    await settle()
    const [first, , , second] = disposals
    first?.()
    await settle()
    t.notOk(close.done)
    second?.()
    await settle()
    t.ok(close.done)
    t.ok(replica.store.closed)
    t.same(replica.events.slice(-2), ['disposed', 'disposeFailed'])
  },
)

const disposal: (() => void)[] = []
scenario(
  'close waits for the dispose of what was made too late, too',
  { dispose: () => new Promise((resolve) => disposal.push(resolve)), buildTimeoutMs: 100 },
  async (t, replica) => {
    replica.creates.holding = true
    await replica.building('acme')
    await replica.clock.advance(100)
    replica.creates.next().answer()
    await settle()
    const close = closing(replica)
    await settle()
    t.notOk(close.done)
    for (const dispose of disposal) dispose()
    await settle()
    t.ok(close.done)
  },
)

scenario('close leaves the store open that the pool was given', {}, async (t, replica) => {
  await replica.pool.close()
  t.notOk(replica.store.closed)
})

scenario('closing again is the same as closing', { opensStore: true }, async (t, replica) => {
  const close = replica.pool.close()
  t.equal(replica.pool.close(), close)
  await close
  t.equal(replica.pool.close(), close)
})

scenario('a listener may close the pool while it is closing', { opensStore: true }, async (t, replica) => {
  const { lease } = await replica.served('acme')
  let again: Promise<void> | undefined
  lease?.signal.addEventListener('abort', () => {
    again = replica.pool.close()
  })
  const close = replica.pool.close()
  await settle()
  lease?.release()
  await settle()
  t.equal(again, close)
  await close
})

for (const event of ['built', 'replaced', 'evicted', 'disposed'] as const) {
  scenario(
    `a listener may close the pool when it is told that a tenant was ${event}`,
    { maxTenants: 1 },
    async (t, replica) => {
      const closed: Promise<void>[] = []
      replica.pool.on(event, () => closed.push(replica.pool.close()))
      const requests: Request[] = []
      for (const id of ['acme', 'acme', 'ball']) {
        requests.push(await replica.served(id))
        requests.at(-1)?.release()
        replica.manager.restart('acme')
      }
      await settle()
      t.not(closed.length, 0)
      await Promise.all(closed)
      t.match(replica.pool.stats(), { tenants: 0, draining: 0 })
    },
  )
}

scenario('close leaves no lookup of a host waiting', { maxConcurrentBuilds: 1 }, async (t, replica) => {
  replica.store.open = true
  replica.loads.holding = true
  replica.store.tokens.delete('tenant:acme')
  replica.store.tokens.delete('tenant:ball')
  const acquire = replica.pool.byHost(hostDirectory({ lookup: () => 'cape', hostnamesOf: () => [] }))
  // The first has the slot for lookups, the others wait for it.
  const requests = [replica.request('acme'), replica.request('ball')]
  await replica.clock.turn()
  const byHost = replica.follow(acquire('cape.example'))
  await replica.clock.turn()

  await replica.pool.close()
  await settle()
  t.same(outcomes([...requests, byHost]), [CLOSED, CLOSED, CLOSED])
})

scenario('close ends a lookup of a host that is under way', {}, async (t, replica) => {
  replica.store.open = true
  const signals: AbortSignal[] = []
  const acquire = replica.pool.byHost(
    hostDirectory({
      lookup(_, { signal }) {
        signals.push(signal)
        return new Promise(() => {})
      },
      hostnamesOf: () => [],
    }),
  )
  const byHost = replica.follow(acquire('cape.example'))
  await replica.clock.turn()
  const close = closing(replica)
  await settle()
  t.ok(close.done)
  t.equal(byHost.outcome, CLOSED)
  t.equal(signals[0]?.reason.code, CLOSED)
})

/** What is about to end when the pool closes, and how it ends. */
const ENDS: Record<string, { options?: ReplicaOptions; prepare(replica: Replica): Promise<() => void> }> = {
  'a check': {
    async prepare(replica) {
      await replica.served('acme').then((request) => request.release())
      replica.request('acme')
      await replica.clock.turn()
      return () => replica.store.next('read').answer()
    },
  },
  'the read of a build': {
    async prepare(replica) {
      replica.request('acme')
      await replica.answerRead()
      await replica.clock.turn()
      return () => replica.store.next('read').answer()
    },
  },
  'the read of a build that will find the tenant in the pool': {
    async prepare(replica) {
      replica.request('acme')
      await replica.answerRead()
      await replica.clock.turn()
      const read = replica.store.next('read').perform()
      replica.request('acme')
      await replica.answerRead()
      read.answer()
      await replica.clock.turn()
      return () => replica.store.next('read').answer()
    },
  },
  'a probe': {
    async prepare(replica) {
      replica.store.tokens.delete('tenant:acme')
      replica.loads.holding = true
      await replica.building('acme')
      return () => replica.loads.next().answer()
    },
  },
  'a claim': {
    async prepare(replica) {
      replica.store.tokens.delete('tenant:acme')
      await replica.building('acme')
      return () => replica.store.next('claim').answer()
    },
  },
  'a wait for a slot': {
    options: { maxConcurrentBuilds: 1 },
    async prepare(replica) {
      replica.loads.holding = true
      await replica.building('ball')
      replica.store.tokens.delete('tenant:acme')
      await replica.building('acme')
      const load = replica.loads.next()
      replica.loads.letGo()
      await settle()
      await replica.answerClaim()
      return () => load.answer()
    },
  },
  'a load': {
    async prepare(replica) {
      replica.loads.holding = true
      await replica.building('acme')
      return () => replica.loads.next().answer()
    },
  },
  'a create': {
    async prepare(replica) {
      replica.creates.holding = true
      await replica.building('acme')
      return () => replica.creates.next().answer()
    },
  },
  'a create of what is outdated': {
    async prepare(replica) {
      replica.creates.holding = true
      await replica.building('acme')
      replica.manager.restart('acme')
      replica.request('acme')
      await replica.answerRead()
      return () => replica.creates.next().answer()
    },
  },
}

for (const [what, { options, prepare }] of Object.entries(ENDS)) {
  t.test(`G3: close around the end of ${what}: all is disposed of, and nobody is left hanging`, async (t) => {
    for (let microtasks = 0; microtasks <= 30; microtasks += 1) {
      const replica = new Replica(options)
      const end = await prepare(replica)
      end()
      for (let microtask = 0; microtask < microtasks; microtask += 1) await null
      const asked = replica.requests.filter(({ outcome }) => outcome === 'waits')
      const close = closing(replica)
      await null
      const begun = replica.loads.count + replica.creates.count
      await settle()
      const after = `${microtasks} microtasks after it`
      t.notOk(
        replica.requests.some(({ outcome }) => outcome === 'waits'),
        `every request has its answer, ${after}`,
      )
      t.equal(replica.loads.count + replica.creates.count, begun, 'nothing begins any more')

      if (microtasks === 0)
        t.same(outcomes(asked), new Array(asked.length).fill(CLOSED), 'no lease is given any more')

      for (const request of replica.requests) request.release()
      await settle()
      t.ok(close.done, 'close waits for nobody')
      t.equal(replica.made.filter(({ disposals }) => disposals !== 1).length, 0)
      if (!close.done) return
      await mustEndWell(t, replica)
    }
  })
}
