import { RedisTokenStore } from '@tenantry/redis'
import { eventually } from '@tenantry/testing'
import t from 'tap'
import { assertSound, PATIENT, Scene } from './support/scene.ts'
import { MASTER_NAME, startSentinel } from './support/sentinel.ts'

t.test('G1, G5: Sentinel fails over to a replica that has not heard of the last write', async (t) => {
  const { master, replica: standby, port } = await startSentinel(t)
  const source = { sentinels: [{ host: '127.0.0.1', port }], name: MASTER_NAME }
  const scene = await Scene.open(t, {
    // A tenant that is built under an older token, since that is what the store has gone back to, is no older for that.
    numbered: false,
    checkTimeoutMs: () => 400,
    // Between two requests nobody looks at the tenant that none asks for.
    sweepMs: 150_000,
    open: () => new RedisTokenStore(source, { commandTimeoutMs: 600 }),
  })
  const { manager, replicas, tenants } = scene
  const [lost, ...others] = tenants as [(typeof tenants)[0], ...typeof tenants]
  const [quick, slow] = replicas as [(typeof replicas)[0], (typeof replicas)[0]]

  const checked = await scene.underTraffic(
    async (traffic) => {
      await manager.hold()
      await scene.untilAllShow()
      await eventually(
        async () => offset(await master.cli('INFO')) === offset(await standby.cli('INFO')),
        PATIENT,
      )
      // From here on the standby hears of nothing: stopped, it does not connect anew.
      standby.pause()
      await master.cli('CLIENT', 'KILL', 'TYPE', 'replica')
      const written = await master.cli('GET', `tenantry:tenant:${lost.id}`)
      await manager.change(...tenants)
      t.not(await master.cli('GET', `tenantry:tenant:${lost.id}`), written)
      await scene.untilAllShow(others)
      t.ok(await scene.shows(quick, lost), 'one replica has seen the last restart')
      await master.kill()
      standby.resume()
      await eventually(async () => /role:master/.test(await standby.cli('INFO', 'replication')), PATIENT)
      t.equal(await standby.cli('GET', `tenantry:tenant:${lost.id}`), written, 'the last write is lost')
      await eventually(() => scene.unreachable === 0, PATIENT)
      const { requests } = traffic
      await eventually(() => traffic.requests > requests + 300, PATIENT)

      t.ok(await scene.shows(quick, lost), 'who has seen it builds anew under the token of before')
      t.notOk(
        await scene.shows(slow, lost),
        'who has not seen it finds nothing changed: allowed, until the next restart, since the store forgot a write',
      )
      await manager.change(lost)
      for (const replica of replicas) {
        t.ok(await scene.shows(replica, lost), `the next restart is seen by ${replica.name}`)
      }
    },
    { storeForgets: true, tenants: others },
  )
  t.ok(checked.losses >= 3)
  assertSound(t, checked)
})

function offset(info: string): string | undefined {
  return /^(?:slave_repl|master_repl)_offset:(\d+)/m.exec(info)?.[1]
}
