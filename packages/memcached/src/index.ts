/**
 * `@tenantry/memcached`: the wall of tokens on Memcached.
 *
 * A store works on connections of its own, one to each server.
 */
export { MemcachedTokenStore, type MemcachedTokenStoreOptions } from './memcached-token-store.ts'
