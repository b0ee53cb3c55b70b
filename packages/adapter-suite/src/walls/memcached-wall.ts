import { MemcachedTokenStore } from '@tenantry/memcached'
import { startMemcached } from '@tenantry/testing'
import { PREFIX, type StartedWall, tokenKeyAt, type Wall } from './wall.ts'

/** Memcached, as one server. */
export const memcachedWall: Wall = {
  name: 'Memcached',
  async start(): Promise<StartedWall> {
    const memcached = await startMemcached()
    return {
      url: `memcached://${memcached.address}`,
      open: () => new MemcachedTokenStore(memcached.address),
      async set(key, token) {
        await memcached.ask(`set ${PREFIX}${key} 0 0 ${Buffer.byteLength(token)}\r\n${token}`)
      },
      async get(key) {
        // VALUE <key> <flags> <bytes>, the value, END; or END alone.
        const [, value = ''] = (await memcached.ask(`get ${PREFIX}${key}`)).split('\r\n')
        return value
      },
      async keys() {
        const dump = await memcached.ask('lru_crawler metadump hash')
        if (!dump.endsWith('END')) throw new Error(`Expected a list of keys, got "${dump}"`)
        const keys = Array.from(dump.matchAll(/^key=(\S+)/gm), ([, key = '']) => decodeURIComponent(key))
        return keys.map(tokenKeyAt).sort()
      },
      async flush() {
        await memcached.ask('flush_all')
      },
      pause: memcached.pause,
      resume: memcached.resume,
      kill: memcached.kill,
      restart: memcached.restart,
      stop: memcached.stop,
    }
  },
}
