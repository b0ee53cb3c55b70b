/**
 * `@tenantry/core/adapter`: what every adapter to an HTTP server does alike, for their authors.
 *
 * Nothing reachable from here imports an HTTP server either: what is needed of requests and responses is described by
 * shape.
 */
export { LeaseEnd } from './adapter/lease-end.ts'
export { type Log, logEvents } from './adapter/log-events.ts'
export { type OpenTenants, openTenants, type ServerOptions } from './adapter/open-tenants.ts'
export { retryAfterSeconds } from './adapter/retry-after.ts'
export type { HeartbeatSettings } from './adapter/start-heartbeat.ts'
