import type { TenantPool, TenantPoolStats } from '@tenantry/core'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/**
 * The bounds of the histogram, in seconds. Beyond the usual ones, since what is built may wait for its slot: behind
 * others that each use up their time limit, for a minute or two.
 */
const BUILD_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

/** What is asked of the pool at each scrape. */
const GAUGES: readonly [name: string, help: string, of: (stats: TenantPoolStats) => number][] = [
  ['tenantry_tenants', 'Tenants in the pool.', ({ tenants }) => tenants],
  [
    'tenantry_tenants_draining',
    'Tenants that have left the pool and are not disposed of yet.',
    ({ draining }) => draining,
  ],
  ['tenantry_leases', 'Leases that are held on tenants not yet disposed of.', ({ leases }) => leases],
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
  const statsOf = askOnce(pool)
  for (const [name, help, of] of GAUGES) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(of(statsOf()))
      },
    })
  }
  const count = (name: string, help: string) => new Counter({ name, help, registers })

  const builds = count('tenantry_builds_total', 'Tenants that were built.')
  const durations = new Histogram({
    name: 'tenantry_build_duration_seconds',
    help: 'How long the builds of tenants took that succeeded, from when they were asked for.',
    buckets: BUILD_SECONDS,
    registers,
  })
  pool.on('built', ({ durationMs }) => {
    builds.inc()
    durations.observe(durationMs / 1000)
  })
  const buildFailures = count('tenantry_build_failures_total', 'Builds of which load or create failed.')
  pool.on('buildFailed', () => buildFailures.inc())
  const replaced = count(
    'tenantry_replaced_total',
    'Tenants that left the pool, or never entered it, since their token changed.',
  )
  pool.on('replaced', () => replaced.inc())
  const evicted = count('tenantry_evicted_total', 'Tenants that left the pool to make room for others.')
  pool.on('evicted', () => evicted.inc())
  const disposed = count('tenantry_disposed_total', 'Tenants that were disposed of.')
  const leased = count(
    'tenantry_disposed_leased_total',
    'Tenants that were disposed of at the drain deadline, with leases left.',
  )
  pool.on('disposed', ({ leases }) => {
    disposed.inc()
    if (leases > 0) leased.inc()
  })
  const disposeFailures = count('tenantry_dispose_failures_total', 'Tenants of which dispose failed.')
  pool.on('disposeFailed', () => disposeFailures.inc())
  const keyFailures = count(
    'tenantry_key_failures_total',
    'Reads and claims of a token key, and touches of any, that began to fail while the store answers.',
  )
  pool.on('keyFailed', () => keyFailures.inc())
  const losses = count('tenantry_store_losses_total', 'How often the token store was found not to answer.')
  pool.on('storeUnreachable', () => losses.inc())
  const lookupFailures = count(
    'tenantry_lookup_failures_total',
    'Host names of which the lookup began to fail.',
  )
  pool.on('lookupFailed', () => lookupFailures.inc())
  const hostnamesFailures = count(
    'tenantry_hostnames_failures_total',
    'Tenants that were built and whose host names cannot be had.',
  )
  pool.on('hostnamesFailed', () => hostnamesFailures.inc())
}

/** Asks a pool what it holds, once for all gauges of a scrape: it counts through its tenants each time. */
function askOnce<Config, Tenant>(pool: TenantPool<Config, Tenant>): () => TenantPoolStats {
  let stats: TenantPoolStats | undefined
  return function rememberedStats() {
    if (stats === undefined) {
      stats = pool.stats()
      // The registry asks all gauges before it gives way.
      queueMicrotask(() => {
        stats = undefined
      })
    }
    return stats
  }
}
