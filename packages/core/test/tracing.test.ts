import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { type TracingChannelSubscribers, tracingChannel } from 'node:diagnostics_channel'
import type { Test } from 'tap'
import type { BuildTrace, CheckTrace } from '../src/index.ts'
import { settle } from './fakes/manual-clock.ts'
import { outcomes } from './fakes/replica.ts'
import { scenario } from './fakes/scenario.ts'

const NAMES = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const

const checks = tracingChannel<unknown, CheckTrace>('tenantry:check')
const builds = tracingChannel<unknown, BuildTrace>('tenantry:build')

type Told = [channel: 'check' | 'build', name: string, trace: CheckTrace | BuildTrace]

/** Notes all that is told on both channels, as copies of what the traces were then. */
function follow(t: Test): Told[] {
  const told: Told[] = []
  for (const [channel, tracing] of [
    ['check', checks],
    ['build', builds],
  ] as const) {
    const note = (name: string) => (trace: object) => {
      told.push([channel, name, { ...trace } as CheckTrace | BuildTrace])
    }
    const subscribers = Object.fromEntries(NAMES.map((name) => [name, note(name)]))
    const all = subscribers as unknown as TracingChannelSubscribers<never>
    tracing.subscribe(all as never)
    t.teardown(() => tracing.unsubscribe(all as never))
  }
  return told
}

const ends = (told: readonly Told[], of: Told[0]) =>
  told.filter(([channel, name]) => channel === of && name === 'asyncEnd').map(([, , trace]) => trace)

scenario('a check is told, then a build, with how long its steps took', {}, async (t, replica) => {
  const told = follow(t)
  replica.loads.holding = true
  replica.creates.holding = true
  const request = replica.request('acme')
  await replica.answerRead()
  await replica.answerRead()
  await replica.clock.advance(300)
  replica.loads.next().answer()
  await settle()
  await replica.clock.advance(20)
  replica.creates.next().answer()
  await settle()

  t.equal(request.outcome, 'acme 1')
  const check = { id: 'acme', result: 'not-held' }
  const begun = { id: 'acme', waitedMs: 0 }
  const built = { ...begun, token: 'acme 0', all: 'all 0', loadMs: 300, createMs: 20, result: 'built' }
  t.same(told, [
    ['check', 'start', { id: 'acme' }],
    ['check', 'end', { id: 'acme' }],
    ['check', 'asyncStart', check],
    ['check', 'asyncEnd', check],
    ['build', 'start', begun],
    ['build', 'end', begun],
    ['build', 'asyncStart', built],
    ['build', 'asyncEnd', built],
  ])
})

scenario('a check tells how it ended', { check: { maxAgeMs: 50 } }, async (t, replica) => {
  await replica.served('acme')
  await replica.clock.advance(50)
  const told = follow(t)
  const results = () => ends(told.splice(0), 'check').map((trace) => trace.result)

  await replica.served('acme')
  t.same(results(), ['stands'])
  await replica.served('acme')
  t.same(results(), [], 'a request that asks for no check has none')

  await replica.clock.advance(50)
  replica.manager.restart('acme')
  await replica.served('acme')
  t.same(results(), ['outdated'])

  await replica.clock.advance(50)
  replica.store.open = false
  replica.request('acme')
  await replica.clock.turn()
  replica.store.next('read').fail(new Error('connection lost'))
  await settle()
  t.same(results(), ['unanswered'])
  replica.request('acme')
  await settle()
  t.same(results(), ['unanswered'], 'a store that is known to be away is not waited for')
})

scenario(
  'a build that fails is told on the error channel, and a check that led to it is not',
  {},
  async (t, replica) => {
    const told = follow(t)
    const cause = new Error('the authority is down')
    replica.loads.holding = true
    const request = await replica.building('acme')
    await replica.clock.advance(40)
    replica.loads.next().fail(cause)
    await settle()

    const built = told.filter(([channel]) => channel === 'build')
    t.same(
      built.map(([, name]) => name),
      ['start', 'end', 'error', 'asyncStart', 'asyncEnd'],
    )
    const traces = built.map(([, , trace]) => trace as BuildTrace)
    t.match(traces[2], { id: 'acme', token: 'acme 0', loadMs: 40, error: { cause } })
    t.equal(traces[2]?.error, request.error)
    t.equal(ends(told, 'check').length, 1)
    t.notOk(told.some(([channel, name]) => channel === 'check' && name === 'error'))
  },
)

scenario(
  'a tenant without a token is loaded twice; both loads and the claimed token are told',
  {},
  async (t, replica) => {
    replica.store.tokens.delete('tenant:acme')
    const told = follow(t)
    replica.loads.holding = true
    await replica.building('acme')
    await replica.clock.advance(5)
    replica.loads.next().answer()
    await replica.answerClaim()
    await replica.clock.advance(7)
    replica.loads.next().answer()
    await settle()

    const [trace] = ends(told, 'build') as BuildTrace[]
    t.match(trace, { loadMs: 12, all: 'all 0', result: 'built' })
    t.equal(trace?.token, replica.store.tokens.get('tenant:acme'))
  },
)

scenario(
  'what a build waits for its second slot is told, too',
  { maxConcurrentBuilds: 1 },
  async (t, replica) => {
    replica.store.tokens.delete('tenant:acme')
    const told = follow(t)
    replica.loads.holding = true
    await replica.building('ball')
    const ball = replica.loads.next()
    await replica.building('acme')
    await replica.clock.advance(10)
    replica.loads.next().answer()
    await replica.answerClaim()
    await replica.clock.advance(25)
    ball.answer()
    await settle()
    await replica.clock.advance(3)
    replica.loads.next().answer()
    await settle()

    t.match(ends(told, 'build'), [
      { id: 'ball', waitedMs: 0 },
      { id: 'acme', waitedMs: 25, loadMs: 13, result: 'built' },
    ])
  },
)

scenario('a build that finds no such tenant has not failed', {}, async (t, replica) => {
  const told = follow(t)
  const request = await replica.served('nobody')
  t.equal(request.outcome, 'TENANTRY_ERR_TENANT_NOT_FOUND')
  t.match(ends(told, 'build'), [{ id: 'nobody', result: 'not-found', error: undefined }])
  t.notOk(told.some(([, name]) => name === 'error'))
})

scenario('a check of which one key alone fails is unanswered', {}, async (t, replica) => {
  replica.store.tokens.set('tenant:acme', new Error('not a token'))
  const told = follow(t)
  replica.request('acme')
  await replica.answerRead()
  t.match(ends(told, 'check'), [{ id: 'acme', result: 'unanswered' }])
})

scenario('a build that finds what another has just built loads nothing', {}, async (t, replica) => {
  const told = follow(t)
  replica.request('acme')
  await replica.answerRead()
  await replica.clock.turn()
  const read = replica.store.next('read')
  // The tokens of the build under way are not known yet: it cannot be joined.
  replica.request('acme')
  await replica.answerRead()
  await replica.clock.advance(30)
  read.answer()
  await settle()
  await replica.answerRead()

  t.same(outcomes(replica.requests), ['acme 1', 'acme 1'])
  t.equal(replica.loads.count, 1)
  const [, found] = ends(told, 'build')
  t.same(found, { id: 'acme', waitedMs: 30, token: 'acme 0', all: 'all 0', result: 'found' })
})

scenario('what a step starts belongs to its build, and that to its request', {}, async (t, replica) => {
  const spans = new AsyncLocalStorage<string>()
  const enter = (kind: string) => (trace: unknown) =>
    `${spans.getStore()} > ${kind} ${(trace as CheckTrace).id}`
  checks.start.bindStore(spans, enter('check'))
  builds.start.bindStore(spans, enter('build'))
  t.teardown(() => checks.start.unbindStore(spans))
  t.teardown(() => builds.start.unbindStore(spans))
  const loading: unknown[] = []
  const load = replica.loads.call.bind(replica.loads)
  replica.loads.call = (context) => {
    loading.push(spans.getStore())
    return load(context)
  }
  const read = replica.store.read.bind(replica.store)
  const reading: unknown[] = []
  replica.store.read = (keys) => {
    reading.push(spans.getStore())
    return read(keys)
  }
  const asked: unknown[] = []
  const ask = (request: string, id: string) =>
    spans.run(request, async () => {
      await replica.request(id)
      asked.push(spans.getStore())
    })

  void ask('one', 'acme')
  await replica.answerRead()
  await replica.answerRead()
  replica.loads.holding = true
  replica.manager.restart('acme')
  void ask('two', 'acme')
  await replica.answerRead()
  await replica.answerRead()
  replica.manager.restart('acme')
  void ask('three', 'acme')
  await replica.answerRead()
  replica.loads.letGo()
  await settle()
  await replica.answerRead()

  const inside = (request: string, kind: string) => `${request} > ${kind} acme`
  t.same(loading, [inside('one', 'build'), inside('two', 'build'), inside('three', 'build')])
  t.same(reading, [
    ...[inside('one', 'check'), inside('one', 'build')],
    ...[inside('two', 'check'), inside('two', 'build')],
    ...[inside('three', 'check'), inside('three', 'build')],
  ])
  t.same(asked, ['one', 'two', 'three'], 'the request itself goes on as it was')
})

scenario('without subscribers nothing of it runs', { maxTenants: 1 }, async (t, replica) => {
  await replica.served('acme')
  const requests = async () => {
    const before = promises()
    for (let count = 0; count < 20; count += 1) (await replica.served('acme')).release()
    return promises() - before
  }
  const promises = countPromises(t)
  const prototype = Object.getPrototypeOf(checks)
  const traced = t.capture(prototype, 'tracePromise', prototype.tracePromise)
  await requests()
  const untraced = await requests()
  ;(await replica.served('ball')).release()
  ;(await replica.served('acme')).release()
  t.same(traced(), [])

  await t.test('while there is one', async (t) => {
    follow(t)
    t.ok((await requests()) > untraced)
    t.equal(traced().length, 20)
  })
  t.equal(await requests(), untraced, 'a request makes no promise more than before')
  t.same(traced(), [])
})

scenario(
  'subscribers that throw hurt nobody: what they throw is an uncaught exception',
  {},
  async (t, replica) => {
    const error = new Error('a subscriber is broken')
    const uncaught: unknown[] = []
    const listen = (error: unknown) => uncaught.push(error)
    process.on('uncaughtException', listen)
    t.teardown(() => process.off('uncaughtException', listen))
    const broken = () => {
      throw error
    }
    const spans = new AsyncLocalStorage()
    for (const { start, end, asyncStart, asyncEnd, error } of [checks, builds]) {
      for (const channel of [start, end, asyncStart, asyncEnd, error]) {
        channel.subscribe(broken)
        t.teardown(() => channel.unsubscribe(broken))
      }
      start.bindStore(spans, broken)
      t.teardown(() => start.unbindStore(spans))
    }

    const built = await replica.served('acme')
    const stood = await replica.served('acme')
    replica.loads.carryOut = () => {
      throw new Error('the authority is down')
    }
    const failed = await replica.served('ball')
    t.same(outcomes([built, stood, failed]), ['acme 1', 'acme 1', 'TENANTRY_ERR_BUILD_FAILED'])
    // Of each check and each build the transform of its store, and `start`, `end`, `asyncStart` and `asyncEnd`.
    t.same(uncaught, new Array(3 * 5 + 2 * 5 + 1).fill(error))
  },
)

function countPromises(t: Test): () => number {
  let count = 0
  const hook = createHook({
    init(_id, type) {
      if (type === 'PROMISE') count += 1
    },
  }).enable()
  t.teardown(() => hook.disable())
  return () => count
}
