/**
 * `@tenantry/redis`: the wall on Redis and Valkey.
 *
 * Whatever it is given, a store works on a connection of its own: the application's is neither used nor changed.
 */
export type { RedisSource } from './redis-source.ts'
export { RedisTokenStore, type RedisTokenStoreOptions } from './redis-token-store.ts'
