import { setTimeout as wait } from 'node:timers/promises'
import { TenantLifecycle } from '@tenantry/core'
import plugin, { hostDirectory, type TenantryOptions } from '@tenantry/fastify'
import { RedisTokenStore } from '@tenantry/redis'
import Fastify from 'fastify'
import { hostOf, newTenant, type Tenant } from '../tenant.ts'
import type { Subject } from './subject.ts'

/** How long anybody waits for Redis, in milliseconds: a busy machine makes a run slow, and fails nothing. */
const PATIENCE_MS = 30_000

/** How long the authority takes to say whose a host is, in milliseconds: a query, and the way there and back. */
const LOOKUP_MS = 2

/** Tenantry as it comes, but for when it checks and how patient it is. */
function tenantry(check: NonNullable<TenantryOptions['check']>): Pick<Subject, 'serve' | 'restart'> {
  return {
    async serve({ redisUrl, tenants }) {
      const app = Fastify()
      await app.register(plugin, {
        tokens: () => openTokens(redisUrl),
        load: (host) => newTenant(host),
        maxTenants: tenants,
        check,
        checkTimeoutMs: PATIENCE_MS,
      })
      app.get('/', (request) => request.tenant)
      return app
    },
    restart: restartByToken,
  }
}

export function openTokens(redisUrl: string): RedisTokenStore {
  return new RedisTokenStore(redisUrl, { commandTimeoutMs: PATIENCE_MS })
}

/** Writes a new token, and is done when the store has it. */
export async function restartByToken(redisUrl: string, host: string): Promise<void> {
  const tokens = openTokens(redisUrl)
  try {
    await new TenantLifecycle(tokens).restart(host)
  } finally {
    await tokens.close()
  }
}

export const everyRequest: Subject = {
  title: '`every-request`',
  takesUp: 'at once',
  ...tenantry('every-request'),
}

export const maxAge: Subject = {
  title: '`maxAgeMs: 50`',
  takesUp: 'soon',
  ...tenantry({ maxAgeMs: 50 }),
}

/** Hosts that nobody has heard of are asked for, as with custom domains; the other subjects take every host for a tenant. */
export const directory: Subject = {
  title: '`hostDirectory`',
  takesUp: 'at once',

  async serve({ redisUrl, tenants }) {
    const app = Fastify()
    const hosts = new Set(Array.from({ length: tenants }, (_, index) => hostOf(index)))
    await app.register(plugin, {
      tokens: () => openTokens(redisUrl),
      load: (host) => newTenant(host),
      identify: hostDirectory<Tenant>({
        async lookup(host) {
          await wait(LOOKUP_MS)
          return hosts.has(host) ? host : undefined
        },
        hostnamesOf: ({ name }) => [name],
      }),
      maxTenants: tenants,
      checkTimeoutMs: PATIENCE_MS,
    })
    app.get('/', (request) => request.tenant)
    return app
  },

  restart: restartByToken,
}
