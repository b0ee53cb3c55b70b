import { RedisTokenStore } from '@tenantry/redis'
import { startRedis } from '@tenantry/testing'
import { PREFIX, type StartedWall, tokenKeyAt, type Wall } from './wall.ts'

/** Redis, as one server. */
export const redisWall: Wall = {
  name: 'Redis',
  async start(): Promise<StartedWall> {
    const redis = await startRedis()
    return {
      url: redis.url,
      open: () => new RedisTokenStore(redis.url),
      async set(key, token) {
        await redis.cli('SET', `${PREFIX}${key}`, token)
      },
      get: (key) => redis.cli('GET', `${PREFIX}${key}`),
      async keys() {
        const keys = (await redis.cli('KEYS', '*')).split('\n')
        return keys.filter(Boolean).map(tokenKeyAt).sort()
      },
      async flush() {
        await redis.cli('FLUSHALL')
      },
      pause: redis.pause,
      resume: redis.resume,
      kill: redis.kill,
      restart: redis.restart,
      stop: redis.stop,
      async commands() {
        const stats = await redis.cli('INFO', 'commandstats')
        // INFO and QUIT are how this looks at it.
        const calls = stats.matchAll(/cmdstat_(?!info|quit)[^:]+:calls=(\d+)/g)
        return Array.from(calls, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0)
      },
    }
  },
}
