import { TenantLifecycle } from '@tenantry/core'
import plugin, { type TenantryOptions } from '@tenantry/fastify'
import { RedisTokenStore } from '@tenantry/redis'
import Fastify from 'fastify'
import { newTenant } from '../tenant.ts'
import type { Subject } from './subject.ts'

/** How long anybody waits for Redis, in milliseconds: a busy machine makes a run slow, and fails nothing. */
const PATIENCE_MS = 30_000

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
