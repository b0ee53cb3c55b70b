import { type StoreSuiteOptions, storeSuite } from '@tenantry/core/store-suite'
import type { MemcachedServer } from '@tenantry/testing'

/** The contract of stores, with real servers behind it that are looked at and changed behind the store's back. */
export function suiteOnMemcached(
  servers: readonly MemcachedServer[],
  prefix: string,
  { test, create }: Pick<StoreSuiteOptions, 'test' | 'create'>,
): void {
  /** Which server holds a key is the store's business: all are told, and those that do not hold it say so. */
  const ask = (command: string) => Promise.all(servers.map((server) => server.ask(command)))

  /** In seconds; undefined: it does not expire. */
  async function remainingOf(key: string): Promise<number | undefined> {
    const replies = await ask(`mg ${prefix}${key} t`)
    const remaining = Number(/^HD t(-?\d+)$/m.exec(replies.join('\n'))?.[1])
    return remaining === -1 ? undefined : remaining
  }

  storeSuite({
    test,
    create,
    putForeign: (key) => ask(`set ${prefix}${key} 2 0 8\r\nnot JSON`),
    async age(keys, ms) {
      for (const key of keys) {
        const remaining = await remainingOf(key)
        if (remaining === undefined) continue
        const left = Math.ceil(remaining - ms / 1000)
        await ask(left > 0 ? `touch ${prefix}${key} ${left}` : `delete ${prefix}${key}`)
      }
    },
    lifetimesOf: (keys) =>
      Promise.all(
        keys.map(async (key) => {
          const remaining = await remainingOf(key)
          return remaining === undefined ? undefined : remaining * 1000
        }),
      ),
    silence() {
      for (const server of servers) server.pause()
      return () => {
        for (const server of servers) server.resume()
      }
    },
  })
}
