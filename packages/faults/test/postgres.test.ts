import { Authority, openDatabase } from '@tenantry/authority'
import type { LoadTenant } from '@tenantry/load-test'
import { RedisTokenStore } from '@tenantry/redis'
import { ask, eventually, startPostgres, startRedis, startTcpProxy } from '@tenantry/testing'
import t from 'tap'
import { AuthoritySite } from './support/authority-site.ts'
import { assertSound, PATIENT, Scene } from './support/scene.ts'

const postgres = await startPostgres()
t.teardown(() => postgres.stop())
const redis = await startRedis()
t.teardown(() => redis.stop())
const proxy = await startTcpProxy({ to: postgres.port })
t.teardown(() => proxy.close())

const authority = new Authority(await openDatabase(proxy.urlOf(postgres.url)))
t.teardown(() => authority.close())
await authority.migrate()
const tokens = new RedisTokenStore(redis.url)
t.teardown(() => tokens.close())
const site = new AuthoritySite({ authority, tokens })
t.teardown(() => site.close())
// Nobody is to lose the store because the machine is busy: so nothing here needs an excuse.
const scene = await Scene.open(t, {
  site,
  open: () => new RedisTokenStore(redis.url, { commandTimeoutMs: 10_000 }),
})
const { manager } = scene

t.test('G1: Postgres is slow: so are builds and restarts, and nobody is served what is old', async (t) => {
  const checked = await scene.underTraffic(async (traffic) => {
    proxy.delayAnswers(100)
    const { requests } = traffic
    const { resolved } = manager
    await eventually(() => traffic.requests > requests + 300 && manager.resolved > resolved + 2, PATIENT)
    proxy.delayAnswers(0)
  })
  t.ok(checked.measurement.timeline.latency().max >= 100)
  t.equal(checked.losses, 0)
  assertSound(t, checked)
})

for (const [what, fault] of [
  ['killed and started again', () => postgres.kill()],
  ['stopped (SIGSTOP)', async () => postgres.pause()],
] as const) {
  t.test(
    `G1, G6: Postgres is ${what}: changes reject, what is in memory is served and checked`,
    async (t) => {
      const rejected = manager.rejections.length
      const checked = await scene.underTraffic(async (traffic) => {
        // What was restarted before is built by then: nobody needs Postgres but those who change something.
        await manager.hold()
        await scene.untilAllShow()
        await fault()
        manager.begin()
        await eventually(() => manager.rejections.length > rejected, PATIENT)
        const { requests } = traffic
        await eventually(() => traffic.requests > requests + 300, PATIENT)
        if (what === 'stopped (SIGSTOP)') postgres.resume()
        else await postgres.restart()
      })
      t.match(manager.rejections[rejected], { code: 'TENANTRY_ERR_AUTHORITY_UNREACHABLE' })
      t.equal(checked.losses, 0)
      assertSound(t, checked)
    },
  )
}

t.test('G7: a tenant that has to be built while Postgres is away hurts nobody else', async (t) => {
  const [outdated, ...others] = scene.tenants as [LoadTenant, ...LoadTenant[]]
  const checked = await scene.underTraffic(
    async (traffic) => {
      await manager.hold()
      await scene.untilAllShow()
      await postgres.kill()
      await redis.cli('SET', `tenantry:tenant:${outdated.id}`, 'set-by-hand')
      for (const { port } of scene.replicas) {
        const { status, body, headers } = await ask(port, '/whoami', { headers: { host: outdated.hostname } })
        t.match({ status, body }, { status: 503, body: /TENANTRY_ERR_BUILD_FAILED/ })
        t.match(headers['retry-after'], /^[1-9]/)
      }
      const { requests } = traffic
      await eventually(() => traffic.requests > requests + 300, PATIENT)
      await postgres.restart()
      // At the end of the back-off, or at the token that the reconciler writes over the one that was set by hand.
      await scene.untilAllShow([outdated])
    },
    { tenants: others },
  )
  t.equal(checked.losses, 0)
  assertSound(t, checked)
})

t.test('G5: Redis comes back empty: the reconciler writes again what was committed', async (t) => {
  const rewritten = site.rewritten.length
  const checked = await scene.underTraffic(
    async () => {
      await manager.hold()
      await redis.restart()
      await eventually(() => scene.unreachable === 0, PATIENT)
      for (const { id } of scene.tenants) {
        const token = `${await site.currentRestart(id)}.`
        await eventually(
          async () => (await redis.cli('GET', `tenantry:tenant:${id}`)).startsWith(token),
          PATIENT,
        )
      }
    },
    { storeForgets: true },
  )
  t.ok(site.rewritten.length >= rewritten + scene.tenants.length)
  t.ok(checked.losses >= 3)
  assertSound(t, checked)
})
