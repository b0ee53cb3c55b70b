import { hostDirectory, MemoryTokenStore, TenantLifecycle, TenantPool } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import { Registry } from 'prom-client'
import t from 'tap'
import { measurePool } from '../src/metrics.ts'

/** A pool whose tenants are their ids, and what is measured of it. */
function measured() {
  const tokens = new MemoryTokenStore()
  const pool = new TenantPool<string>({
    tokens,
    load: (id) => id,
    dispose(id) {
      if (id === 'stuck') throw new Error('it does not end')
    },
    drainTimeoutMs: 0,
  })
  const registry = new Registry()
  measurePool(pool, registry)
  const value = async (name: string) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value
  return { pool, registry, value, lifecycle: new TenantLifecycle(tokens) }
}

t.test('a scrape asks the pool once, and the next one asks again', async (t) => {
  const { pool, registry } = measured()
  const asked = t.capture(pool, 'stats', pool.stats)
  t.match(await registry.metrics(), /^tenantry_tenants 0$/m)
  t.equal(asked().length, 1)

  await pool.use('acme', () => {})
  t.match(await registry.metrics(), /^tenantry_tenants 1$/m)
  t.equal(asked().length, 1)
  await pool.close()
})

t.test('tenants that are disposed of while they are leased are counted apart', async (t) => {
  const { pool, value, lifecycle } = measured()
  await pool.acquire('leased')
  await pool.use('free', () => {})
  await lifecycle.restartMany(['leased', 'free'])
  for (const id of ['leased', 'free']) await pool.use(id, () => {})
  await eventually(async () => (await value('tenantry_disposed_total')) === 2, { timeoutMs: 30_000 })
  t.equal(await value('tenantry_disposed_leased_total'), 1)
  t.equal(await value('tenantry_leases'), 0, 'the lease that is left is on nothing that is there')
  await pool.close()
})

t.test('what fails beside builds is counted', async (t) => {
  const { pool, value } = measured()
  await pool.use('stuck', () => {})
  const acquire = pool.byHost(
    hostDirectory<string>({
      lookup(hostname) {
        if (hostname === 'away.example') throw new Error('the authority is down')
        return 'acme'
      },
      hostnamesOf() {
        throw new Error('it has none')
      },
    }),
  )
  await t.rejects(acquire('away.example'), { code: 'TENANTRY_ERR_LOOKUP_FAILED' })
  t.equal(await value('tenantry_lookup_failures_total'), 1)
  await acquire('acme.example').catch(() => {})
  t.equal(await value('tenantry_hostnames_failures_total'), 1)

  await pool.close()
  t.equal(await value('tenantry_dispose_failures_total'), 1)
  t.equal(await value('tenantry_build_failures_total'), 0)
})

t.test('builds that have waited for a minute are told from those that have waited for two', async (t) => {
  const { pool, registry } = measured()
  for (const durationMs of [45_000, 100_000]) pool.emit('built', { id: 'acme', token: 'one', durationMs })
  const metrics = await registry.metrics()
  for (const [bound, count] of [
    ['30', 0],
    ['60', 1],
    ['120', 2],
  ]) {
    t.match(metrics, `tenantry_build_duration_seconds_bucket{le="${bound}"} ${count}\n`)
  }
  await pool.close()
})
