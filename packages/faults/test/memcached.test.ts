import { MemcachedTokenStore } from '@tenantry/memcached'
import { eventually, startMemcached } from '@tenantry/testing'
import t from 'tap'
import { causeOf } from './support/cause-of.ts'
import { assertSound, PATIENT, Scene } from './support/scene.ts'

const memcached = await startMemcached()
t.teardown(() => memcached.stop())

const scene = await Scene.open(t, {
  checkTimeoutMs: () => 400,
  open: () => new MemcachedTokenStore(memcached.address, { commandTimeoutMs: 600 }),
})
const { manager } = scene

t.test('G1, G5: Memcached is killed and comes back empty', async (t) => {
  const rejected = manager.rejections.length
  const { pid } = memcached
  const checked = await scene.underTraffic(
    async (traffic) => {
      // A restart that has resolved, and that replicas are to find out about when its token is gone.
      await manager.hold()
      await manager.change(...scene.tenants)
      await memcached.kill()
      manager.begin()
      await eventually(() => scene.unreachable === 3 && manager.rejections.length > rejected, PATIENT)
      const { requests } = traffic
      await eventually(() => traffic.requests > requests + 200, PATIENT)
      // Of what it changes no more, only replicas can write tokens.
      const held = manager.hold()
      await memcached.restart()
      await held
      await eventually(() => scene.unreachable === 0 && traffic.requests > requests + 400, PATIENT)
    },
    { storeForgets: true },
  )
  t.not(memcached.pid, pid)
  t.match(manager.rejections[rejected], { code: 'TENANTRY_ERR_RESTART_FAILED' })
  t.ok(checked.losses >= 3)
  t.ok(checked.measurement.tally.allowed.claimed > 0, 'replicas have claimed tokens for what was gone')
  assertSound(t, checked)
})

t.test('G1, G6: Memcached is stopped (SIGSTOP): restarts reject, tenants in memory are served', async (t) => {
  const rejected = manager.rejections.length
  const checked = await scene.underTraffic(async (traffic) => {
    memcached.pause()
    await eventually(() => scene.unreachable === 3, PATIENT)
    const { requests } = traffic
    await eventually(() => manager.rejections.length > rejected && traffic.requests > requests + 200, PATIENT)
    memcached.resume()
  })
  t.match(causeOf(manager.rejections[rejected]), /did not answer within 600 ms/)
  t.ok(checked.losses >= 3)
  assertSound(t, checked)
})

t.test('G1, G5: Memcached is flushed while it is asked', async (t) => {
  const checked = await scene.underTraffic(
    async (traffic) => {
      for (let round = 0; round < 10; round += 1) {
        t.equal(await memcached.ask('flush_all'), 'OK')
        const { requests } = traffic
        await eventually(() => traffic.requests > requests + 50, PATIENT)
      }
    },
    { storeForgets: true },
  )
  t.ok(checked.measurement.tally.allowed.claimed > 0, 'replicas have claimed tokens for what was gone')
  assertSound(t, checked)
})
