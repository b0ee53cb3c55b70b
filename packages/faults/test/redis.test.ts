import { type LoadTenant, monotonicMs } from '@tenantry/load-test'
import { RedisTokenStore } from '@tenantry/redis'
import { ask, eventually, freePort, startRedis, startTcpProxy } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { causeOf } from './support/cause-of.ts'
import type { Replica } from './support/replica.ts'
import { assertSound, PATIENT, Scene, type SceneOptions } from './support/scene.ts'

const redis = await startRedis()
t.teardown(() => redis.stop())
// The last replica has a way of its own, which can be cut alone.
const [proxy, ownProxy] = [await startTcpProxy({ to: redis.port }), await startTcpProxy({ to: redis.port })]
t.teardown(() => {
  proxy.close()
  ownProxy.close()
})
const LAST = 2

/** Of replicas that are to lose the store, in milliseconds. */
const CHECK_TIMEOUT_MS = 400

/** Connections are given up after three times that, in milliseconds. */
const COMMAND_TIMEOUT_MS = 600

interface OpenOptions extends Pick<SceneOptions, 'sweepMs' | 'maxUncheckedMs'> {
  readonly commandTimeoutMs?: number
}

/** @param quick whether the replica at that place, and its connection, give up soon; `manager`: the manager's */
function open(
  t: Test,
  quick: (whose: number | 'manager') => boolean,
  { commandTimeoutMs = COMMAND_TIMEOUT_MS, ...options }: OpenOptions = {},
): Promise<Scene> {
  return Scene.open(t, {
    ...options,
    checkTimeoutMs: (place) => (quick(place) ? CHECK_TIMEOUT_MS : 10_000),
    open: (whose) =>
      new RedisTokenStore((whose === LAST ? ownProxy : proxy).urlOf(redis.url), {
        commandTimeoutMs: quick(whose) ? commandTimeoutMs : 10_000,
      }),
  })
}
const all = () => true
const none = () => false

/** Of scenes that outlive it, in milliseconds. */
const MAX_UNCHECKED_MS = 3000

interface TimedAnswer {
  readonly sentAt: number
  readonly endedAt: number
  readonly status: number
  readonly body: string
}

/** All answers of one replica for one tenant, up to the first that is not 200. */
async function answersUntilRefused({ port }: Replica, { hostname }: LoadTenant): Promise<TimedAnswer[]> {
  const answers: TimedAnswer[] = []
  await eventually(async () => {
    const sentAt = monotonicMs()
    const { status, body } = await ask(port, '/whoami', { headers: { host: hostname } })
    answers.push({ sentAt, endedAt: monotonicMs(), status, body })
    return status !== 200
  }, PATIENT)
  return answers
}

t.test('G1, G6: Redis is stopped (SIGSTOP): restarts reject, tenants in memory are served', async (t) => {
  const scene = await open(t, all)
  const { manager } = scene
  const checked = await scene.underTraffic(async (traffic) => {
    redis.pause()
    await eventually(() => scene.unreachable === 3, PATIENT)
    const { requests } = traffic
    await eventually(() => manager.rejections.length > 0 && traffic.requests > requests + 200, PATIENT)
    redis.resume()
  })
  t.match(manager.rejections[0], { code: 'TENANTRY_ERR_RESTART_FAILED' })
  t.match(causeOf(manager.rejections[0]), /did not answer within 600 ms/)
  t.ok(checked.losses >= 3)
  assertSound(t, checked)
})

t.test(
  'G6: Redis is stopped for longer than maxUncheckedMs: served until then, and refused after',
  async (t) => {
    const scene = await open(t, all, { maxUncheckedMs: MAX_UNCHECKED_MS })
    const { manager, replicas, tenants } = scene
    const checked = await scene.underTraffic(async () => {
      await manager.hold()
      // All are in memory and stand: their last answered checks are asked for from here on, until Redis is lost.
      const checkedFrom = monotonicMs()
      await scene.untilAllShow()
      redis.pause()
      const lost = eventually(() => scene.unreachable === 3, PATIENT).then(() => monotonicMs())
      const each = replicas.flatMap((replica) =>
        tenants.map((tenant) => answersUntilRefused(replica, tenant)),
      )
      const answers = await Promise.all(each)
      const checkedUntil = await lost
      redis.resume()
      const served = answers.flatMap((these) => these.slice(0, -1))
      const refused = answers.map((these) => these.at(-1) as TimedAnswer)
      t.ok(
        answers.every(([first]) => first?.status === 200),
        'what is in memory is served at first',
      )
      t.ok(
        served.every(({ sentAt }) => sentAt <= checkedUntil + MAX_UNCHECKED_MS),
        'and no longer than that',
      )
      t.ok(refused.every(({ body }) => body.includes('"TENANTRY_ERR_STORE_UNREACHABLE"')))
      t.ok(
        refused.every(({ endedAt }) => endedAt >= checkedFrom + MAX_UNCHECKED_MS),
        'nor is it refused before',
      )
    })
    t.ok(checked.losses >= 3)
    assertSound(t, checked)
  },
)

t.test('G1, G5: Redis is killed and comes back empty', async (t) => {
  const scene = await open(t, all)
  const { manager } = scene
  const checked = await scene.underTraffic(
    async (traffic) => {
      // A restart that has resolved, and that replicas are to find out about when its token is gone.
      await manager.hold()
      await manager.change(...scene.tenants)
      await redis.kill()
      manager.begin()
      await eventually(() => scene.unreachable === 3 && manager.rejections.length > 0, PATIENT)
      const { requests } = traffic
      await eventually(() => traffic.requests > requests + 200, PATIENT)
      // Of what it changes no more, only replicas can write tokens.
      const held = manager.hold()
      await redis.restart()
      await held
      await eventually(() => scene.unreachable === 0 && traffic.requests > requests + 400, PATIENT)
    },
    { storeForgets: true },
  )
  t.ok(checked.losses >= 3)
  t.ok(checked.measurement.tally.allowed.claimed > 0, 'replicas have claimed tokens for what was gone')
  assertSound(t, checked)
})

t.test('G1, G6: all connections are killed, again and again (CLIENT KILL)', async (t) => {
  const scene = await open(t, all)
  let killed = 0
  const checked = await scene.underTraffic(async (traffic) => {
    for (let round = 0; round < 10; round += 1) {
      killed += Number(await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'))
      const { requests } = traffic
      await eventually(() => traffic.requests > requests + 50, PATIENT)
      await eventually(() => scene.unreachable === 0, PATIENT)
    }
  })
  t.ok(killed >= 10, `${killed} connections were killed`)
  t.ok(checked.losses > 0)
  assertSound(t, checked)
})

t.test(
  'G1: Redis becomes a replica that only reads: restarts reject until it is a master again',
  async (t) => {
    // A sweep's touch is a write, too: where it is refused, the connection is made anew, and the store is lost.
    const scene = await open(t, none, { sweepMs: 150_000 })
    const { manager } = scene
    const checked = await scene.underTraffic(async (traffic) => {
      // Of nobody: so it keeps what it holds.
      await redis.cli('REPLICAOF', '127.0.0.1', `${await freePort()}`)
      await eventually(() => manager.rejections.length >= 3, PATIENT)
      const { requests } = traffic
      await eventually(() => traffic.requests > requests + 200, PATIENT)
      await redis.cli('REPLICAOF', 'NO', 'ONE')
    })
    t.match(causeOf(manager.rejections[0]), /READONLY/)
    t.equal(checked.losses, 0, 'checks are answered all the time, so nothing is excused')
    assertSound(t, checked)
  },
)

t.test('G1: slow replies that come in time: every answer is late, none is old', async (t) => {
  const scene = await open(t, none)
  const { manager } = scene
  const checked = await scene.underTraffic(async (traffic) => {
    for (const each of [proxy, ownProxy]) each.delayAnswers(50)
    const { requests } = traffic
    const { resolved } = manager
    await eventually(() => traffic.requests > requests + 200 && manager.resolved > resolved + 5, PATIENT)
    for (const each of [proxy, ownProxy]) each.delayAnswers(0)
  })
  t.ok(checked.measurement.timeline.latency().max >= 50)
  t.equal(checked.losses, 0)
  assertSound(t, checked)
})

t.test('G6: slow replies that come too late: nobody waits for them', async (t) => {
  const lateMs = 6 * CHECK_TIMEOUT_MS
  const scene = await open(t, all, { commandTimeoutMs: 2 * lateMs })
  const { manager } = scene
  const checked = await scene.underTraffic(async (traffic) => {
    for (const each of [proxy, ownProxy]) each.delayAnswers(lateMs)
    await eventually(() => scene.unreachable === 3, PATIENT)
    const { requests } = traffic
    const { resolved } = manager
    // Of restarts that resolve meanwhile replicas hear as late.
    await eventually(() => traffic.requests > requests + 500 && manager.resolved >= resolved + 2, PATIENT)
    t.equal(scene.unreachable, 3, 'what is answered too late does not make the store reachable')
    for (const each of [proxy, ownProxy]) each.delayAnswers(0)
  })
  const slowest = checked.measurement.timeline.latency().max
  t.ok(slowest < lateMs, `the slowest answer took ${Math.round(slowest)} ms`)
  t.ok(checked.losses >= 3)
  assertSound(t, checked)
})

t.test('G1, G6: one replica of three is cut off (half-open TCP): the others see restarts', async (t) => {
  const scene = await open(t, (whose) => whose === LAST, { maxUncheckedMs: MAX_UNCHECKED_MS })
  const { manager, replicas } = scene
  const cutOff = replicas[LAST] as Replica
  const { swallowed, connections } = ownProxy
  const checked = await scene.underTraffic(async (traffic) => {
    ownProxy.swallowEverything({ new: true })
    await eventually(() => cutOff.stats().store === 'unreachable', PATIENT)
    const { requests } = traffic
    const { resolved } = manager
    await eventually(() => traffic.requests > requests + 500 && manager.resolved > resolved + 5, PATIENT)
    // It gives connections up one after the other.
    await eventually(() => ownProxy.connections >= connections + 2, PATIENT)
    t.equal(cutOff.stats().store, 'unreachable', 'a connection that is only accepted is no way to the store')
    // What it serves is older and older, and then nothing at all.
    await Promise.all(scene.tenants.map((tenant) => answersUntilRefused(cutOff, tenant)))
    ownProxy.passNew()
  })
  t.ok(ownProxy.swallowed > swallowed)
  t.equal(checked.losses, cutOff.losses, 'the others have not lost it, so nothing of theirs is excused')
  const { allowed, failures } = checked.measurement.tally
  t.ok(allowed.unchecked > 0, 'what the one cut off served was old, as is excused')
  t.ok(failures.byOutage > 0, 'and what was too old was refused')
  assertSound(t, checked)
})
