/**
 * `@tenantry/core`: the tokens, the checks and the pool.
 *
 * Nothing reachable from here knows an HTTP server, Redis or Postgres; `test/entrypoints.test.ts` proves it on
 * the built files.
 */
export { type Clock, systemClock, type Timer } from './clock.ts'
export { ERROR_CODES, TenantryError, type TenantryErrorCode, type TenantryErrorOptions } from './errors.ts'
export { Heartbeat, type HeartbeatEvents, type HeartbeatOptions } from './heartbeat.ts'
export {
  type Beat,
  type FailedTenant,
  HEARTBEAT_LIFETIME_MS,
  type HeartbeatStore,
  type HeldTenant,
  type ReplicaReport,
  type TenantReport,
} from './heartbeat-store.ts'
export { canonicalHostname, type HostedRequest, parseHost, requestHostname } from './host.ts'
export { type HostDirectory, type HostDirectoryOptions, hostDirectory } from './host-directory.ts'
export type { Lease } from './lease.ts'
export { MemoryHeartbeats, type MemoryHeartbeatsOptions } from './memory-heartbeats.ts'
export { MemoryTokenStore, type MemoryTokenStoreOptions } from './memory-token-store.ts'
export type { TenantPoolEvents } from './pool-events.ts'
export type { TenantPoolOptions } from './pool-options.ts'
export type { TenantPoolStats } from './pool-stats.ts'
export { FailedRestarts, TenantLifecycle, type TenantLifecycleOptions } from './tenant-lifecycle.ts'
export { TenantPool } from './tenant-pool.ts'
export {
  ALL,
  ALL_HOSTS,
  newToken,
  TOKEN_LIFETIME_MS,
  type Token,
  type TokenKey,
  tenantKey,
  tokenLifetimeMs,
} from './token.ts'
export { type ClaimSteps, claimToken, type TokenAnswer, type TokenStore } from './token-store.ts'
export type { BuildTrace, CheckTrace } from './tracing.ts'
