import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { freePort, startRedis } from '@tenantry/testing'
import t from 'tap'
import { restartIdOf } from '../src/answer.ts'
import { ConvergenceWatch } from '../src/convergence.ts'
import { DisturbanceLog } from '../src/disturbance-log.ts'
import { Disturbances } from '../src/disturbances.ts'
import { Driver } from '../src/driver.ts'
import type { Exchange } from '../src/exchange.ts'
import type { Verdict } from '../src/judge.ts'
import { Ledger } from '../src/ledger.ts'
import { Measurement } from '../src/measurement.ts'
import { monotonicMs } from '../src/monotonic-ms.ts'
import { readRedisCommands, redisCostOf } from '../src/redis-commands.ts'
import { costOf, ReplicaMetrics } from '../src/replica-metrics.ts'
import type { Control, Target } from '../src/scene.ts'
import type { SentRequest } from '../src/sent-request.ts'
import { spreadOf } from '../src/spread.ts'
import { Tally } from '../src/tally.ts'
import { Timeline } from '../src/timeline.ts'

t.test('the ledger', async (t) => {
  const ledger = Ledger.ofCapacity(2)
  const reader = new Ledger(ledger.shared)
  t.equal(reader.next(), undefined)
  const first = { tenant: 3, id: 2 ** 40, sequence: 5, resolvedAt: 123_456_789.125 }
  const second = { tenant: 0, id: 7, sequence: 1, resolvedAt: undefined }
  ledger.append(first)
  t.same(reader.next(), first, 'an entry is seen at once in other hands')
  t.equal(reader.next(), undefined, 'once')
  ledger.append(second)
  t.same(reader.next(), second)
  t.throws(() => ledger.append(first), /holds 2 restarts, and has no room/)
  t.same(new Ledger(ledger.shared).next(), first, 'everybody reads from the beginning')

  ledger.count('plain')
  ledger.count('plain')
  ledger.count('pending')
  t.same(reader.counts(), { plain: 2, changes: 0, pending: 1, failed: 0 })
})

t.test('the number of a restart', async (t) => {
  t.equal(restartIdOf('12.emHQGqADcamVf85yngx9Xw'), 12)
  for (const token of ['emHQGqADcamVf85yngx9Xw', '', '.x', 'by hand.x', '1e400.x']) {
    t.equal(restartIdOf(token), undefined, `"${token}" has none`)
  }
})

t.test('convergence', async (t) => {
  const counted = (watch: ConvergenceWatch) => {
    const { first, last, open, histogram } = watch.results()
    const bars = histogram.filter(({ restarts }) => restarts > 0)
    const upTo = bars.map(({ upToMs }) => upToMs)
    return { first: first.max, last: last.max, restarts: last.count, open, bars: upTo }
  }
  const watchOf = (...replicas: string[]) => {
    const watch = new ConvergenceWatch(2)
    for (const replica of replicas) watch.answered(0, replica, { id: 1, at: 0 })
    return watch
  }
  const entry = { tenant: 0, id: 5, sequence: 1, resolvedAt: 100 }
  const none = { first: 0, last: 0, restarts: 0, open: 0, bars: [] }

  let watch = watchOf('one', 'two')
  watch.resolved(entry)
  watch.answered(0, 'one', { id: 5, at: 130 })
  watch.answered(0, 'one', { id: 5, at: 150 })
  watch.answered(1, 'two', { id: 9, at: 160 })
  watch.answered(0, 'two', { id: 4, at: 170 })
  t.same(counted(watch), { ...none, open: 1 }, 'all replicas that were serving are awaited')
  watch.answered(0, 'two', { id: 6, at: 180 })
  t.same(
    counted(watch),
    { first: 30, last: 80, restarts: 1, open: 0, bars: [100] },
    'a later restart will do',
  )

  watch = watchOf('one', 'two')
  watch.answered(0, 'one', { id: 5, at: 90 })
  watch.resolved(entry)
  watch.answered(0, 'two', { id: 5, at: 110 })
  t.same(
    counted(watch),
    { first: 0, last: 10, restarts: 1, open: 0, bars: [10] },
    'shown before it resolved: at once',
  )

  watch = watchOf('one', 'two')
  watch.resolved(entry)
  watch.answered(0, 'one', { id: 5, at: 120 })
  watch.answered(0, 'new', { id: 4, at: 130 })
  watch.gone('two')
  t.same(
    counted(watch),
    { first: 20, last: 20, restarts: 1, open: 0, bars: [20] },
    'neither the dead nor the unborn are awaited',
  )

  watch = watchOf('one', 'two')
  watch.gone('two')
  watch.answered(0, 'two', { id: 4, at: 90 })
  watch.resolved(entry)
  watch.answered(0, 'one', { id: 5, at: 130 })
  t.equal(counted(watch).restarts, 1, 'what the dead had on its way does not bring it back')

  watch = watchOf('one', 'two')
  watch.forgetSilent(5001)
  watch.answered(0, 'two', { id: 4, at: 6000 })
  watch.resolved(entry)
  t.equal(counted(watch).restarts, 0, 'the silent may speak again')

  watch = watchOf('one', 'two')
  watch.resolved(entry)
  watch.answered(0, 'one', { id: 5, at: 30_000 })
  watch.forgetSilent(5000)
  t.same(counted(watch), { ...none, open: 1 })
  watch.forgetSilent(5001)
  t.same(
    counted(watch),
    { first: 29_900, last: 29_900, restarts: 1, open: 0, bars: [null] },
    'nor the silent',
  )

  watch = watchOf('one')
  watch.resolved(entry)
  watch.gone('one')
  t.same(counted(watch), none, 'what nobody has shown tells nothing')
  watch.resolved({ ...entry, id: 6, resolvedAt: undefined })
  t.same(counted(watch), none, 'nor does what is pending')
})

t.test('a restart that was written later does not say how fast it was seen', async (t) => {
  const ledger = Ledger.ofCapacity(8)
  const measurement = new Measurement({
    tenants: 1,
    maxAgeMs: 0,
    ledger,
    disturbances: new DisturbanceLog(),
    storeMayForget: false,
  })
  const tenant = { index: 0, id: 'load-0001', hostname: 'load-0001.localhost', version: 1 }
  const entry = { tenant: 0, sequence: 1, resolvedAt: measurement.startedAt }
  measurement.convergence.answered(0, 'one', { id: 1, at: measurement.startedAt })
  ledger.append({ ...entry, id: 2, resolvedAt: undefined })
  ledger.append({ ...entry, id: 2 })
  t.equal(measurement.required(tenant).id, 2, 'it is required all the same')
  t.equal(measurement.convergence.results().open, 0)
  ledger.append({ ...entry, id: 3 })
  measurement.required(tenant)
  t.equal(measurement.convergence.results().open, 1)
})

t.test('a spread is exact', async (t) => {
  t.same(spreadOf([]), { count: 0, p50: 0, p99: 0, max: 0 })
  t.same(spreadOf([3, 1, 2]), { count: 3, p50: 2, p99: 3, max: 3 })
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  t.same(spreadOf(hundred), { count: 100, p50: 50, p99: 99, max: 100 })
})

t.test('the timeline', async (t) => {
  const timeline = new Timeline()
  timeline.request(10, 2)
  timeline.request(20, undefined)
  timeline.count('failed')
  timeline.count('restarts')
  timeline.request(999, 4)
  timeline.request(3500, 8)
  const isNear = (ms: number | null | undefined, expected: number) =>
    t.ok(Math.abs((ms ?? 0) - expected) < 0.01, `${ms} is ${expected}, of three digits`)
  isNear(timeline.latency().max, 8)
  isNear(timeline.latency().p50, 4)
  const quiet = { requests: 0, failed: 0, stale: 0, allowedOld: 0, restarts: 0, p50: null, p99: null }
  const [first, ...rest] = timeline.moments()
  t.match(first, { at: 1, requests: 3, failed: 1, restarts: 1 })
  isNear(first?.p50, 2)
  t.same(rest, [
    { at: 2, ...quiet },
    { at: 3, ...quiet },
  ])
  timeline.advance(4000)
  t.match(timeline.moments()[3], { at: 4, requests: 1 })
  isNear(timeline.moments()[3]?.p99, 8)
  t.same(new Timeline().latency(), { mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 })
})

t.test('the tally', async (t) => {
  const tenant = { index: 0, id: 'load-0001', hostname: 'load-0001.localhost', version: 1 }
  const exchange = {
    tenant,
    replica: 'replica-2',
    sentTo: undefined,
    server: 'replica-10',
    body: '',
  } as Exchange
  const tally = new Tally()
  const failed: Verdict = { kind: 'failed', why: 'byKill', message: 'gone' }
  tally.add(exchange, failed, 1)
  t.same(tally.findings, [], 'what is explained is no finding')
  for (let i = 0; i < 20; i += 1) tally.add(exchange, { ...failed, why: 'unexplained' }, i)
  tally.add({ ...exchange, replica: 'replica-10' }, { kind: 'stale', message: 'old' }, 21)
  tally.add({ ...exchange, replica: undefined }, { kind: 'good' }, 22)
  tally.add(exchange, { kind: 'allowed', why: 'outage', ageMs: 30 }, 23)
  tally.add(exchange, { kind: 'allowed', why: 'outage', ageMs: 20 }, 24)
  tally.add(exchange, { kind: 'allowed', why: 'maxAge', ageMs: 10 }, 25)
  tally.add(exchange, { kind: 'claimed' }, 25)
  t.equal(tally.requests, 27)
  t.same(tally.verdicts, { stale: 1, failed: 21, torn: 0, wrong: 0 })
  t.same(tally.failures, { byKill: 1, byOutage: 0, unexplained: 20 })
  t.match(tally.allowed, {
    duringOutage: 2,
    unchecked: 0,
    withinMaxAge: 1,
    claimed: 1,
    oldestOutageMs: 30,
    oldestUncheckedMs: 0,
    oldestWithinMaxAgeMs: 10,
  })
  t.equal(tally.findings.length, 13, 'the first twelve of each kind')
  t.same(tally.findings[12], {
    at: 21,
    kind: 'stale',
    tenant: 'load-0001',
    replica: 'replica-10',
    message: 'old',
  })
  t.same(tally.answers(), [
    { name: 'replica-2', answers: 25 },
    { name: 'replica-10', answers: 1 },
  ])
})

t.test('what a replica may have served unchecked is open until it is known', async (t) => {
  const tenant = { index: 0, id: 'load-0001', hostname: 'load-0001.localhost', version: 1 }
  const good = { tenant, replica: 'one', sentTo: undefined, server: undefined, body: '' } as Exchange
  const refused = { ...good, body: '{"code":"TENANTRY_ERR_STORE_UNREACHABLE"}' }
  const tally = new Tally()
  const failed: Verdict = { kind: 'failed', why: 'unexplained', message: 'expected 200, got 503' }
  const stale: Verdict = { kind: 'stale', message: 'old', ageMs: 40 }
  tally.add(good, stale, 1)
  tally.add({ ...good, replica: 'two' }, stale, 2)
  tally.add(good, { kind: 'stale', message: 'back in time' }, 3)
  tally.add(refused, failed, 4)
  tally.add({ ...refused, replica: 'two' }, failed, 5)
  tally.add(good, failed, 6)
  t.match(tally.verdicts, { stale: 3, failed: 3 }, 'until then, it counts')
  t.same(
    tally.settle(({ replica }) => replica === 'one'),
    [1],
  )
  t.match(tally.verdicts, { stale: 2, failed: 3 })
  t.match(tally.allowed, { unchecked: 1, oldestUncheckedMs: 40 })
  t.same(tally.failures, { byKill: 0, byOutage: 1, unexplained: 2 })
  t.same(
    tally.findings.map(({ at }) => at),
    [2, 3, 5, 6],
  )
})

t.test('what replicas tell of themselves', async (t) => {
  let life = { startedAt: 1, builds: 10, cpu: 1 }
  const server = createServer((_request, response) => {
    response.end(`# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.
process_start_time_seconds ${life.startedAt}
process_cpu_user_seconds_total ${life.cpu}
process_cpu_system_seconds_total{app="sample"} 0.5
# TYPE tenantry_builds_total counter
tenantry_builds_total ${life.builds}
tenantry_builds_total_of_another 1000
sample_authority_reads_total{kind="load"} ${life.builds + 1}
sample_authority_reads_total{kind="lookup"} 3
`)
  }).listen(0, '127.0.0.1')
  t.teardown(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let urls = [url, `http://127.0.0.1:${await freePort()}`]
  const metrics = new ReplicaMetrics(async () => urls)
  t.equal(metrics.totals(), undefined)
  await metrics.read()
  life = { startedAt: 1, builds: 14, cpu: 2.5 }
  await metrics.read()
  t.same(metrics.totals(), { builds: 4, loads: 4, lookups: 0, cpuSeconds: 1.5 })
  life = { startedAt: Date.now() / 1000 + 60, builds: 2, cpu: 1 }
  await metrics.read()
  const expected = { builds: 6, loads: 7, lookups: 3, cpuSeconds: 3 }
  t.same(metrics.totals(), expected, 'of one that was started since, everything counts')
  urls = []
  await metrics.read()
  t.same(metrics.totals(), expected, 'what was read last counts when it has gone')
  t.same(costOf(metrics.totals(), 1000), { builds: 6, loads: 7, lookups: 3, replicaCpuUs: 3000 })
  t.same(costOf(undefined, 1000), {})
})

t.test('when a replica may have served unchecked, by what it tells', async (t) => {
  let losses = 3
  let reachable = 1
  const server = createServer((_request, response) => {
    response.end(`tenantry_store_reachable ${reachable}
tenantry_store_losses_total ${losses}
sample_replica_info{replica="one\\\\\\"1"} 1
process_start_time_seconds 1
`)
  }).listen(0, '127.0.0.1')
  t.teardown(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const metrics = new ReplicaMetrics(async () => [url])
  const replica = 'one\\"1'
  /** Reads it, and resolves to whether it may have been unchecked since the reading before. */
  async function read(): Promise<boolean> {
    const from = monotonicMs()
    await metrics.read()
    return metrics.mayBeUnchecked(replica, { from, to: monotonicMs() })
  }

  await metrics.read()
  t.notOk(await read(), 'what it has lost before is over')
  const between = monotonicMs()
  const short = { from: between, to: between }
  losses += 1
  t.notOk(metrics.mayBeUnchecked(replica, short))
  t.ok(await read())
  t.ok(metrics.mayBeUnchecked(replica, short), 'it was seen at the next reading')
  t.notOk(metrics.mayBeUnchecked('another', short))
  t.notOk(await read(), 'it has reached it again before that reading')
  losses += 1
  reachable = 0
  t.ok(await read())
  t.ok(await read(), 'it is still away')
  reachable = 1
  t.ok(await read(), 'it was, until some time before this reading')
  t.notOk(await read())
  t.notOk(metrics.mayBeUnchecked(replica, { from: monotonicMs(), to: Number.POSITIVE_INFINITY }))
})

t.test('what Redis was asked', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const before = await readRedisCommands(redis.url)
  for (let i = 0; i < 5; i += 1) await redis.cli('get', 'key')
  await redis.cli('set', 'key', 'value')
  const after = await readRedisCommands(redis.url)
  const { redisCommands = [], redisPer100Requests = 0 } = redisCostOf(before, after, 50)
  t.ok(redisCommands.some(({ command, calls }) => command === 'get' && calls === 5))
  t.ok(redisCommands.some(({ command, calls }) => command === 'set' && calls === 1))
  const calls = redisCommands.map((each) => each.calls)
  t.same(
    calls,
    [...calls].sort((one, other) => other - one),
    'the busiest first',
  )
  t.equal(redisPer100Requests, 2 * calls.reduce((sum, each) => sum + each, 0))
  t.same(
    redisCostOf(new Map([['get', 7]]), new Map([['get', 5]]), 100),
    {
      redisCommands: [{ command: 'get', calls: 5 }],
      redisPer100Requests: 5,
    },
    'one that has been started anew',
  )
  await redis.kill()
  await t.rejects(readRedisCommands(redis.url))
})

t.test('disturbances', async (t) => {
  let now = 0
  const log = new DisturbanceLog(() => now)
  const gone: string[] = []
  let killed = () => {}
  const control: Control = {
    addReplica: async () => 'replica-5',
    removeReplica: async () => 'replica-2',
    killReplica: async (onKill) => {
      onKill('replica-3')
      await new Promise<void>((resolve) => {
        killed = resolve
      })
      return 'replica-3'
    },
    outage: async (ms, onReach) => {
      now = 1
      onReach('replica-1')
      now = 5
      throw new Error(`no outage of ${ms} ms today`)
    },
  }
  const kinds = ['kill', 'add', 'remove', 'outage'] as const
  const onGone = (replica: string) => gone.push(replica)
  const disturbances = new Disturbances({ kinds, control, log, onGone, outageMs: 7 })
  t.equal(disturbances.advance(0.19), undefined)
  const killing = disturbances.advance(0.2)
  t.equal(disturbances.doing, 'replica-3 was killed')
  t.same(gone, ['replica-3'], 'from the kill on, not from its end')
  t.equal(disturbances.advance(0.5), undefined, 'one at a time')
  killed()
  await killing
  t.equal(disturbances.doing, undefined)
  await disturbances.advance(0.5)
  t.equal(disturbances.advance(0.5), undefined)
  await disturbances.advance(0.6)
  t.same(gone, ['replica-3', 'replica-2'])
  await t.rejects(disturbances.advance(0.8) as Promise<void>, /no outage of 7 ms today/)
  t.equal(disturbances.advance(1), undefined)
  await disturbances.end()
  t.ok(log.hadOutage('replica-4', 2, 9))
  t.notOk(log.hadOutage('replica-1', 2, 9), 'it is over for whoever reaches the store again')
  t.match(log.list(0), [
    { kind: 'kill', subject: 'replica-3' },
    { kind: 'add', subject: 'replica-5' },
    { kind: 'remove', subject: 'replica-2' },
    { kind: 'outage' },
  ])
})

t.test('the driver', async (t) => {
  const asked: string[] = []
  const servers = await Promise.all(
    ['one', 'two'].map(async (name) => {
      const server = createServer((request, response) => {
        asked.push(`${name} ${request.headers.host}`)
        response.setHeader('x-tenantry-token', '7.x')
        // In two pieces, and a letter of two bytes between them.
        response.write(Buffer.from([0xc3]))
        setImmediate(() => response.end(Buffer.from([0xa4])))
      }).listen(0, '127.0.0.1')
      t.teardown(() => {
        server.closeAllConnections()
        server.close()
      })
      await new Promise((resolve) => server.once('listening', resolve))
      return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, replica: name }
    }),
  )
  const tenants = [1, 2].map((number, index) => ({
    index,
    id: `load-000${number}`,
    hostname: `load-000${number}.localhost`,
    version: 1,
  }))
  const required = () => ({ id: 7, sequence: 1 })
  let targets: readonly Target[] = []
  const ended: SentRequest[] = []
  const onEnd = (request: SentRequest) => void ended.push(request)
  const driver = new Driver({
    tenants,
    connections: 3,
    requests: 100,
    targets: () => targets,
    required,
    onEnd,
  })
  setTimeout(() => {
    targets = servers
  }, 30)
  await driver.end()
  t.equal(ended.length, 100, 'it waits until there is somebody to ask, and asks no more than it is to')
  t.equal(asked.length, 100)
  t.equal(asked.filter((line) => line.startsWith('one')).length, 50, 'by turns')
  for (const { hostname } of tenants) t.ok(asked.some((line) => line.endsWith(hostname)))
  for (const { body, status, token, error, sentAt, endedAt } of ended) {
    if (body === 'ä' && status === 200 && token === '7.x' && error === undefined && sentAt <= endedAt)
      continue
    t.fail('expected an ä', { body, status, token, error })
  }

  ended.length = 0
  const between: number[] = []
  let lookUps = 0
  const single = new Driver({
    tenants,
    connections: 1,
    requests: 5,
    targets: () => servers.slice(0, 1),
    required: () => {
      lookUps += 1
      return { id: between.length, sequence: 1 }
    },
    onEnd: (request) => {
      ended.push(request)
      // The next one is given away by then, and the connection is not free: undici leaves it a turn of the event loop.
      queueMicrotask(() => between.push(monotonicMs()))
    },
  })
  t.equal(lookUps, 0, 'while there is no connection, nothing is sent')
  await single.end()
  t.same(
    ended.map(({ required }) => required.id),
    [0, 1, 2, 3, 4],
    'what is required is looked up when the request is written, not when it is given away',
  )
  for (const [index, { dispatchedAt, sentAt }] of ended.slice(1).entries()) {
    const time = between[index] as number
    t.ok(dispatchedAt <= time && time <= sentAt, 'so is the time from which it is measured')
  }

  ended.length = 0
  const resting = {
    tenants,
    connections: 1,
    requests: 3,
    restMs: 50,
    targets: () => servers,
    required,
    onEnd,
  }
  await new Driver(resting).end()
  for (const [index, { dispatchedAt }] of ended.slice(1).entries()) {
    t.ok(dispatchedAt - (ended[index]?.endedAt as number) >= 45, 'a connection rests between two requests')
  }

  const nobody = [{ origin: `http://127.0.0.1:${await freePort()}`, replica: 'nobody' }]
  ended.length = 0
  await new Driver({ tenants, connections: 2, requests: 4, targets: () => nobody, required, onEnd }).end()
  t.equal(ended.length, 4)
  t.match(ended[0], { status: undefined, error: { code: 'ECONNREFUSED' }, sentTo: 'nobody' })
  t.ok(ended.every(({ dispatchedAt, sentAt, endedAt }) => dispatchedAt === sentAt && sentAt <= endedAt))

  const mistaken = () => {
    throw new Error('a mistake of the measurement')
  }
  const failing = new Driver({ tenants, connections: 3, targets: () => servers, required, onEnd: mistaken })
  await t.rejects(failing.end(), /a mistake of the measurement/)
})
