/**
 * `@tenantry/redis`: the walls, of tokens and of heartbeats, on Redis and Valkey.
 *
 * Whatever it is given, a store works on a connection of its own: the application's is neither used nor changed.
 */
export { RedisHeartbeats, type RedisHeartbeatsOptions } from './redis-heartbeats.ts'
export type { RedisSource } from './redis-source.ts'
export { RedisTokenStore, type RedisTokenStoreOptions } from './redis-token-store.ts'
