import { type HeartbeatSuiteOptions, heartbeatSuite } from '@tenantry/core/heartbeat-suite'
import type { RedisServer } from '@tenantry/testing'

/** The contract of heartbeat stores, with a real server behind it that is changed behind the store's back. */
export function heartbeatsOnRedis(
  server: RedisServer,
  prefix: string,
  { test, create }: Pick<HeartbeatSuiteOptions, 'test' | 'create'>,
): void {
  heartbeatSuite({
    test,
    create,
    async age(ms) {
      for (const key of (await server.cli('KEYS', `${prefix}*`)).split('\n')) {
        const remaining = Number(await server.cli('PTTL', key))
        await server.cli('PEXPIRE', key, `${remaining - ms}`)
      }
    },
    silence() {
      server.pause()
      return () => server.resume()
    },
  })
}
