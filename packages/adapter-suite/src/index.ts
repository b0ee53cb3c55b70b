/**
 * `@tenantry/adapter-suite`: what every adapter to an HTTP server must promise, as tests: G1 to G9 on real sockets and
 * real stores; not published.
 *
 * It knows no adapter: each one brings itself, in its own `test/`.
 */
export type { Adapter, Handler, LeaseEnds, Served, ServeOptions, TrustProxy, Way } from './adapter.ts'
export { connectionSuite } from './connection-suite.ts'
export { floodSuite } from './flood-suite.ts'
export { hostSuite, REFUSED_EARLY } from './host-suite.ts'
export { leaseSuite } from './lease-suite.ts'
export { outcome } from './outcome.ts'
export { outlives } from './outlives.ts'
export { promiseSuite } from './promise-suite.ts'
export { replicaSuite } from './replica-suite.ts'
export { ACME, HOST, ONCE, TENANTS } from './scene.ts'
export { tenantsFor } from './tenants-for.ts'
export type { Connection, TestTenant, Visit } from './visit.ts'
export { memcachedWall } from './walls/memcached-wall.ts'
export { redisWall } from './walls/redis-wall.ts'
export type { StartedWall, Wall } from './walls/wall.ts'
export { askRaw, Wire } from './wire.ts'
export { gone, Work } from './work.ts'
