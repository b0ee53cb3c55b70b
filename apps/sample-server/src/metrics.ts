import type { TenantPool, TenantPoolStats } from '@tenantry/core'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** What is asked of the pool at each scrape. */
const GAUGES: readonly [name: string, help: string, of: (stats: TenantPoolStats) => number][] = [
  ['tenantry_tenants', 'Tenants in the pool.', ({ tenants }) => tenants],
  [
    'tenantry_tenants_draining',
    'Tenants that have left the pool and are not disposed of yet.',
    ({ draining }) => draining,
  ],
  ['tenantry_leases', 'Leases that are held, on draining tenants, too.', ({ leases }) => leases],
  ['tenantry_builds_running', 'Builds that run.', ({ buildsRunning }) => buildsRunning],
  [
    'tenantry_builds_waiting',
    'Builds that wait for a slot, or behind a build of the same tenant.',
    ({ buildsWaiting }) => buildsWaiting,
  ],
  [
    'tenantry_lookups_running',
    'Questions under way: whose host a name is, or whether a tenant exists.',
    ({ lookupsRunning }) => lookupsRunning,
  ],
  [
    'tenantry_lookups_waiting',
    'Such questions that wait for a slot.',
    ({ lookupsWaiting }) => lookupsWaiting,
  ],
  [
    'tenantry_store_reachable',
    'Whether the token store answers: 1, or 0 while tenants in memory are served unchecked.',
    ({ store }) => (store === 'reachable' ? 1 : 0),
  ],
]

/**
 * Turns what a pool holds and tells into metrics. Most is counted where the pool tells a change, never at a request:
 * serving costs no more than without.
 *
 * No label names a tenant. A metric would have as many series as there are tenants, on each replica, and Prometheus
 * keeps them all; which tenant it was is in the log, and in the replica's heartbeat.
 */
export function measurePool<Config, Tenant>(pool: TenantPool<Config, Tenant>, registry: Registry): void {
  const registers = [registry]
  for (const [name, help, of] of GAUGES) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(of(pool.stats()))
      },
    })
  }
  const count = (name: string, help: string) => new Counter({ name, help, registers })

  const builds = count('tenantry_builds_total', 'Tenants that were built.')
  const durations = new Histogram({
    name: 'tenantry_build_duration_seconds',
    help: 'How long the builds of tenants took, from when they were asked for.',
    registers,
  })
  pool.on('built', ({ durationMs }) => {
    builds.inc()
    durations.observe(durationMs / 1000)
  })
  const buildFailures = count('tenantry_build_failures_total', 'Builds of which load or create failed.')
  pool.on('buildFailed', () => buildFailures.inc())
  const replaced = count('tenantry_replaced_total', 'Tenants that left the pool since their token changed.')
  pool.on('replaced', () => replaced.inc())
  const evicted = count('tenantry_evicted_total', 'Tenants that left the pool to make room for others.')
  pool.on('evicted', () => evicted.inc())
  const disposed = count('tenantry_disposed_total', 'Tenants that were disposed of.')
  pool.on('disposed', () => disposed.inc())
  const keyFailures = count('tenantry_key_failures_total', 'Token keys that began to fail, by themselves.')
  pool.on('keyFailed', () => keyFailures.inc())
}
