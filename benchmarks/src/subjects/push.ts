import { ALL, newToken, type TokenAnswer, tenantKey } from '@tenantry/core'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { newTenant, type Tenant } from '../tenant.ts'
import type { Subject } from './subject.ts'
import { openTokens, restartByToken } from './tenantry.ts'

interface Entry {
  tenant?: Tenant
  stamp?: string
  /** How often Redis has told that one of its tokens was written. */
  told: number
  /** How often it had when the tokens of its stamp were asked for; as long as these are equal, it is clean. */
  toldBefore: number
}

const PREFIX = 'tenantry:'

/**
 * An experiment, to see what `CLIENT TRACKING` could save: Redis tells every token that is written (broadcasting mode,
 * redirected to a second connection), and only a tenant of which it has told something is read again. It promises
 * less than a check on every request: a message may be under way when a request comes, or be lost with its connection.
 */
export const push: Subject = {
  title: 'pushed (experiment)',
  takesUp: 'soon',

  async serve({ redisUrl, tenants }) {
    const app = Fastify()
    const store = openTokens(redisUrl)
    const cache = new LRUCache<string, Entry>({ max: tenants })
    const stopTracking = await track(redisUrl, (key) => {
      const written = key === ALL ? cache.values() : [cache.peek(key.replace('tenant:', ''))]
      for (const entry of written) if (entry !== undefined) entry.told += 1
    })

    async function check(host: string): Promise<Tenant> {
      const entry = cache.get(host) ?? { told: 0, toldBefore: -1 }
      // In the cache from before it is asked for: what is told while the answer is under way counts.
      cache.set(host, entry)
      const { told } = entry
      const keys = [tenantKey(host), ALL]
      const answers = await store.read(keys)
      const tokens = await Promise.all(keys.map((key, index) => present(key, answers[index])))
      if (entry.tenant === undefined || entry.stamp !== tokens.join()) {
        entry.tenant = newTenant(host)
        entry.stamp = tokens.join()
      }
      entry.toldBefore = told
      return entry.tenant
    }

    async function present(key: string, answer: TokenAnswer | undefined): Promise<string> {
      if (answer instanceof Error) throw answer
      return answer ?? store.claim(key, newToken)
    }

    app.decorateRequest('found', null)
    app.addHook('onRequest', async (request) => {
      const host = request.headers.host ?? ''
      const held = cache.get(host)
      const isClean = held !== undefined && held.told === held.toldBefore
      request.found = isClean ? held.tenant : await check(host)
    })
    app.addHook('onClose', async () => {
      stopTracking()
      await store.close()
    })
    app.get('/', (request) => request.found)
    return app
  },

  restart: restartByToken,
}

/** Tells every token key that is written, from when it resolves. A connection that breaks is the end of it. */
async function track(redisUrl: string, onWritten: (key: string) => void): Promise<() => void> {
  // RESP 2, and redirected: ioredis passes no invalidation on that comes as a RESP 3 push.
  const listener = new Redis(redisUrl, { protocol: 2 })
  const id = await listener.client('ID')
  listener.on('messageBuffer', (_channel: Buffer, keys: Buffer[] | null) => {
    // None are named when everything has been removed.
    for (const key of keys ?? [PREFIX + ALL]) onWritten(String(key).slice(PREFIX.length))
  })
  await listener.subscribe('__redis__:invalidate')
  const tracker = new Redis(redisUrl, { protocol: 2 })
  await tracker.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', PREFIX)
  return () => {
    listener.disconnect()
    tracker.disconnect()
  }
}
