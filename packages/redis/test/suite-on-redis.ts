import { type StoreSuiteOptions, storeSuite } from '@tenantry/core/store-suite'
import type { RedisServer } from '@tenantry/testing'

/** The contract of stores, with a real server behind it that is looked at and changed behind the store's back. */
export function suiteOnRedis(
  server: RedisServer,
  prefix: string,
  { test, create }: Pick<StoreSuiteOptions, 'test' | 'create'>,
): void {
  storeSuite({
    test,
    create,
    async putForeign(key) {
      await server.cli('DEL', prefix + key)
      await server.cli('RPUSH', prefix + key, 'not', 'a', 'token')
    },
    async age(keys, ms) {
      for (const key of keys) {
        const remaining = Number(await server.cli('PTTL', prefix + key))
        if (remaining >= 0) await server.cli('PEXPIRE', prefix + key, `${remaining - ms}`)
      }
    },
    lifetimesOf: (keys) =>
      Promise.all(
        keys.map(async (key) => {
          const remaining = Number(await server.cli('PTTL', prefix + key))
          return remaining === -1 ? undefined : remaining
        }),
      ),
    silence() {
      server.pause()
      return () => server.resume()
    },
  })
}
