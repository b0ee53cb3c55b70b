import { setTimeout as wait } from 'node:timers/promises'
import { type TenantLifecycle, TenantryError } from '@tenantry/core'
import type { RedisServer } from '@tenantry/testing'
import { TENANTS } from './tenants.ts'

export type Trouble = 'none' | 'pause' | 'cut' | 'restart'

/** What happens to the token store, one in each round. */
export const TROUBLES: Readonly<Record<Trouble, (redis: RedisServer) => Promise<void>>> = {
  none: async () => {},
  pause: async (redis) => {
    redis.pause()
    await wait(400)
    redis.resume()
  },
  cut: async (redis) => void (await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal')),
  restart: (redis) => redis.restart(),
}

/** How long a tenant is left alone, in milliseconds. */
const RESTART_EVERY_MS = 15

/** One of so many restarts is one of all tenants. */
const RESTARTS_OF_ONE = 40

/** Restarts tenants until the signal fires. @returns how many times the store has confirmed it */
export async function restartTenants(lifecycle: TenantLifecycle, signal: AbortSignal): Promise<number> {
  let confirmed = 0
  for (let count = 1; !signal.aborted; count += 1) {
    const restart =
      count % RESTARTS_OF_ONE === 0
        ? lifecycle.restartAll()
        : lifecycle.restart(`tenant-${(count * 13) % TENANTS}`)
    // While the store is away nobody can be restarted.
    const isWritten = await restart.then(
      () => true,
      (error) => {
        if (!(error instanceof TenantryError)) throw error
        return false
      },
    )
    if (isWritten) confirmed += 1
    await wait(RESTART_EVERY_MS)
  }
  return confirmed
}
