/**
 * `@tenantry/testing`: real servers and real processes for the tests of this workspace; not published.
 *
 * Everything that is started here is killed when the test process ends, also when that crashes or is killed itself.
 */
export { type Answer, ask, type Question } from './ask.ts'
export { startBrowser } from './browser.ts'
export { removeAtEnd } from './children.ts'
export { eventually } from './eventually.ts'
export { freePort } from './free-port.ts'
export { type MemcachedServer, type MemcachedServerOptions, startMemcached } from './memcached-server.ts'
export { onFreePort } from './on-free-port.ts'
export { type PostgresServer, type PostgresServerOptions, startPostgres } from './postgres-server.ts'
export { type RedisServer, type RedisServerOptions, startRedis } from './redis-server.ts'
export { type StartedProcess, type StartProcessOptions, startProcess } from './started-process.ts'
export { startTcpProxy, type TcpProxy, type TcpProxyOptions } from './tcp-proxy.ts'
