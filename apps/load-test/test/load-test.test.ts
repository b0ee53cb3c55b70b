import { setTimeout as sleep } from 'node:timers/promises'
import {
  isBroken,
  LoadTestError,
  type LoadTestOptions,
  type Results,
  runLoadTest,
  type Scene,
} from '@tenantry/load-test'
import { ask, eventually, freePort } from '@tenantry/testing'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { RunProgress } from '../src/progress.ts'
import { FrozenTokenStore } from './support/frozen-token-store.ts'
import { Mischief, misbehave } from './support/misbehave.ts'
import { placeFor } from './support/place.ts'
import { type Served, type Serving, serve } from './support/serve.ts'

const SETTINGS = { connections: 16, tenants: 8, restartEveryMs: 60, maxAgeMs: 0 }

const RESTARTS = 30

const place = await placeFor(t)

/** Runs until there have been enough restarts, and the second of the last of them is over. */
async function run(
  scene: Scene,
  { maxAgeMs = 0, ...options }: LoadTestOptions & { maxAgeMs?: number } = {},
): Promise<Results> {
  const over = new AbortController()
  let enoughAt = Number.POSITIVE_INFINITY
  function onProgress({ restarts, seconds }: RunProgress): void {
    if (restarts < RESTARTS) return
    enoughAt = Math.min(enoughAt, seconds)
    if (Math.floor(seconds) > enoughAt) over.abort()
  }
  return await runLoadTest(scene, { ...SETTINGS, maxAgeMs }, { ...options, onProgress, signal: over.signal })
}

function serveTwo(t: Test, serving: Serving = {}): Promise<Served[]> {
  return Promise.all(['one', 'two'].map((replica) => serve(t, place, { ...serving, replica })))
}

const sceneOf = (served: readonly Served[]) => place.sceneOf(served.map(({ target }) => target))

/**
 * What is promised is promised of replicas whose checks are answered. On a machine that is so busy that Redis is not
 * heard of in time, it is tried again.
 */
async function whileChecked(served: readonly Served[], attempt: () => Promise<Results>): Promise<Results> {
  const losses = () => served.reduce((sum, each) => sum + each.losses(), 0)
  const before = losses()
  const results = await attempt()
  return losses() === before ? results : whileChecked(served, attempt)
}

t.test('of a good server, nothing is stale, failed, torn or wrong; and all of it is told', async (t) => {
  const served = await serveTwo(t)
  const results = await whileChecked(served, () => run(sceneOf(served)))
  t.same(results.verdicts, { stale: 0, failed: 0, torn: 0, wrong: 0 }, JSON.stringify(results.findings))
  t.notOk(isBroken(results))
  t.same(results.findings, [])
  const noneOld = { duringOutage: 0, withinMaxAge: 0, claimed: 0, oldestOutageMs: 0, oldestWithinMaxAgeMs: 0 }
  t.match(results.allowed, noneOld)

  const { restarts, convergence, cost, timeline, latency } = results
  t.ok(restarts.plain > 0 && restarts.changes > 0, JSON.stringify(restarts))
  t.equal(restarts.failed, 0)
  t.ok(convergence.last.count > 0 && convergence.last.count <= restarts.plain + restarts.changes)
  t.ok(convergence.open <= restarts.plain + restarts.changes - convergence.last.count)
  t.equal(convergence.first.count, convergence.last.count)
  t.ok(convergence.first.p50 <= convergence.last.p50)
  t.equal(sum(convergence.histogram.map((bar) => bar.restarts)), convergence.last.count)
  t.same(
    cost.replicas.map(({ name }) => name),
    ['one', 'two'],
  )
  t.equal(sum(cost.replicas.map(({ answers }) => answers)), results.requests)
  t.ok(cost.redisCommands?.some(({ command, calls }) => command === 'mget' && calls > 0))
  t.ok((cost.redisPer100Requests ?? 0) > 0)
  t.equal(cost.builds, undefined, 'nobody could be asked')
  t.equal(timeline.length, Math.floor(results.seconds))
  t.ok(sum(timeline.map(({ requests }) => requests)) <= results.requests)
  t.ok(timeline.some((moment) => moment.restarts > 0))
  t.ok(0 < latency.p50 && latency.p50 <= latency.p99 && latency.p99 <= latency.max)

  const { json } = await ask(place.managerPort, '/api/tenants')
  t.equal(json().total, 0, 'its tenants are gone')
})

t.test('of a server that does not compare, stale answers are found', async (t) => {
  const served = await serveTwo(t, { wrap: (store) => new FrozenTokenStore(store) })
  const results = await run(sceneOf(served))
  t.ok(results.verdicts.stale > 0)
  t.ok(isBroken(results))
  t.ok(results.timeline.some(({ stale }) => stale > 0))
  const found = results.findings.filter(({ kind }) => kind === 'stale')
  t.match(found[0], { tenant: /^load-000\d$/, replica: /^(one|two)$/, message: /missed/ })
  t.match(results.verdicts, { torn: 0, wrong: 0 })
})

t.test(
  'of a server that misbehaves once in a while, every torn, wrong and failed answer is found',
  async (t) => {
    let mischief = new Mischief()
    const prepare = (app: FastifyInstance) => misbehave(app, () => mischief)
    const served = await serve(t, place, { replica: 'one', prepare })
    const results = await whileChecked([served], () => {
      mischief = new Mischief()
      const { done } = mischief
      const over = new AbortController()
      function onProgress(): void {
        if (done.torn > 9 && done.wrong > 3 && done.failed > 3) over.abort()
      }
      return runLoadTest(sceneOf([served]), SETTINGS, { signal: over.signal, onProgress })
    })
    const { torn, wrong, failed } = results.verdicts
    t.same({ torn, wrong, failed }, mischief.done)
    t.same(results.failures, { byKill: 0, byOutage: 0, unexplained: failed })
    t.ok(isBroken(results))
  },
)

t.test('a server that checks every now and then may be so old, and no older', async (t) => {
  const maxAgeMs = 300
  const served = await serveTwo(t, { check: { maxAgeMs } })
  const results = await whileChecked(served, () => run(sceneOf(served), { maxAgeMs }))
  t.same(results.verdicts, { stale: 0, failed: 0, torn: 0, wrong: 0 }, JSON.stringify(results.findings))
  t.ok(results.allowed.withinMaxAge > 0)
  t.ok(results.allowed.oldestWithinMaxAgeMs < maxAgeMs)
  t.ok(results.timeline.some(({ allowedOld }) => allowedOld > 0))

  const strict = await run(sceneOf(served))
  t.ok(strict.verdicts.stale > 0, 'where every request is to be checked, the same is stale')
  t.ok(isBroken(strict))
})

/** What is done first is done after two seconds; once it is over, the run ends. */
const DISTURBED = { ...SETTINGS, seconds: 6 }

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

const never = () => Promise.reject(new Error('nobody asks for that'))

t.test('what fails on connections to a replica that is killed is explained by that', async (t) => {
  const served = await serveTwo(t)
  let kill: (() => void) | undefined
  // From within a request, so that there is one under way.
  const prepare = (app: FastifyInstance) => void app.addHook('onRequest', async () => kill?.())
  const dying = await serve(t, place, { replica: 'dying', prepare })
  const all = [...served, dying]
  const results = await whileChecked(all, async () => {
    let targets = all.map(({ target }) => target)
    const over = new AbortController()
    async function killReplica(onKill: (replica: string) => void): Promise<string> {
      await new Promise<void>((resolve) => {
        kill = () => {
          kill = undefined
          onKill('dying')
          targets = targets.filter(({ replica }) => replica !== 'dying')
          dying.app.server.closeAllConnections()
          resolve()
        }
      })
      over.abort()
      return 'dying'
    }
    const control = { killReplica, addReplica: never, removeReplica: never, outage: never }
    const scene = { ...place.sceneOf([]), targets: () => targets, control }
    return runLoadTest(scene, DISTURBED, { disturb: ['kill', 'add'], signal: over.signal })
  })
  t.ok(results.failures.byKill > 0)
  t.same(results.failures, { byKill: results.verdicts.failed, byOutage: 0, unexplained: 0 })
  t.same(results.findings, [])
  t.match(results.disturbances, [{ kind: 'kill', subject: 'dying' }])
  t.notOk(isBroken(results))
})

t.test('while the store is away nothing is stale; from its return on, all is required again', async (t) => {
  const served = await serveTwo(t)
  const losses = () => sum(served.map((each) => each.losses()))
  const doings = new Set<string | undefined>()

  async function attempt(): Promise<Results> {
    const over = new AbortController()
    let unexpected = -losses()
    async function outage(ms: number, onReach: (replica: string) => void): Promise<void> {
      unexpected += losses()
      place.redis.pause()
      await sleep(ms)
      place.redis.resume()
      const untilReached = async (each: Served) => {
        await eventually(() => each.reachesStore(), { timeoutMs: 60_000 })
        onReach(each.target.replica as string)
        // What it loses from here on, it loses by itself.
        unexpected -= each.losses()
      }
      await Promise.all(served.map(untilReached))
      setTimeout(() => over.abort(), 1000)
    }
    // Its time may come before the outage is over.
    const addReplica = async () => 'nobody'
    const control = { outage, addReplica, removeReplica: never, killReplica: never }
    const results = await runLoadTest({ ...sceneOf(served), control }, DISTURBED, {
      disturb: ['outage', 'add'],
      signal: over.signal,
      onProgress: ({ doing }) => doings.add(doing),
    })
    return unexpected + losses() === 0 ? results : attempt()
  }

  const { verdicts, failures, findings, restarts, disturbances } = await attempt()
  t.same(verdicts, { ...verdicts, stale: 0, torn: 0, wrong: 0 }, JSON.stringify(findings))
  t.same(failures, { byKill: 0, byOutage: verdicts.failed, unexplained: 0 })
  t.ok(restarts.pending > 0, 'the manager commits them, and writes them later')
  t.match(disturbances[0], { kind: 'outage' })
  t.ok(doings.has('the store is kept away'))
})

t.test('what the caller can put right is said', async (t) => {
  const served = await serve(t, place, { replica: 'one' })
  const fails = (scene: Scene, message: RegExp, options: LoadTestOptions = {}) =>
    t.rejects(runLoadTest(scene, { ...SETTINGS, requests: 1 }, options), {
      constructor: LoadTestError,
      message,
    })

  const nobody = `http://127.0.0.1:${await freePort()}`
  const manager = { url: nobody, apiKey: undefined }
  await fails({ ...sceneOf([served]), manager }, /^The tenant manager does not answer GET .*ECONNREFUSED/)
  await fails(sceneOf([]), /^Expected a target/)
  await fails(place.sceneOf([], { redisUrl: nobody.replace('http', 'redis') }), /target/)
  await fails(
    { ...sceneOf([served]), redisUrl: nobody.replace('http', 'redis') },
    /^Redis does not tell its counters: /,
  )
  await fails(sceneOf([served]), /no controls/, { disturb: ['add'] })

  const tenant = JSON.stringify({ id: 'load-0001', name: 'Load', hostnames: ['load.example'] })
  const headers = { 'content-type': 'application/json' }
  await ask(place.managerPort, '/api/tenants', { method: 'POST', headers, body: tenant })
  await fails(sceneOf([served]), /load-0001 is there, and no load test has made it/)
  t.equal((await ask(place.managerPort, '/api/tenants/load-0001')).json().name, 'Load', 'it is left alone')
  await ask(place.managerPort, '/api/tenants/load-0001', { method: 'DELETE' })
})

t.test(
  'it ends after so many requests, and takes the place of a run that has left its tenants behind',
  async (t) => {
    const served = await serve(t, place, { replica: 'one' })
    const config = { tagline: 'load-0002 #9', load: { tenant: 'load-0002', sequence: 9 } }
    const tenant = JSON.stringify({
      id: 'load-0002',
      name: 'load-0002 #9',
      hostnames: ['load-0002.localhost'],
      config,
    })
    const headers = { 'content-type': 'application/json' }
    await ask(place.managerPort, '/api/tenants', { method: 'POST', headers, body: tenant })
    const results = await runLoadTest(
      sceneOf([served]),
      { ...SETTINGS, requests: 100 },
      { command: 'load 100' },
    )
    t.match(results, { requests: 100, command: 'load 100', settings: { requests: 100 }, format: 1 })
    t.same(results.verdicts, { stale: 0, failed: 0, torn: 0, wrong: 0 })
  },
)
