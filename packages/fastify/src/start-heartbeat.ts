import { inspect } from 'node:util'
import { Heartbeat, type HeartbeatOptions, TenantryError } from '@tenantry/core'
import type { FastifyBaseLogger } from 'fastify'
import type { HeartbeatSettings } from './types.ts'

/**
 * Tells of a pool as the settings say, and of failures to the log.
 *
 * @returns ends it: says goodbye, and closes the store if it was opened here
 * @throws TENANTRY_ERR_OPTIONS_INVALID; nothing is left open then
 */
export async function startHeartbeat(
  pool: HeartbeatOptions['pool'],
  settings: HeartbeatSettings | undefined,
  log: FastifyBaseLogger,
): Promise<() => Promise<void>> {
  if (settings === undefined) return async () => {}
  const { replica, store: given } = checked(settings)
  const store = typeof given === 'function' ? given() : given
  const closeStore = async () => {
    if (typeof given === 'function') await store?.close?.()
  }
  try {
    const heartbeat = new Heartbeat({ pool, store, replica })
    heartbeat.on('failed', ({ error }) => {
      log.warn({ err: error }, 'heartbeat failed: nobody sees what this replica holds')
    })
    heartbeat.on('recovered', ({ afterMs }) => {
      log.info({ afterMs: Math.round(afterMs) }, 'heartbeat taken in again')
    })
    return async () => {
      await heartbeat.close()
      await closeStore()
    }
  } catch (error) {
    await closeStore()
    throw error
  }
}

function checked(settings: HeartbeatSettings): HeartbeatSettings {
  if (typeof settings === 'object' && settings !== null) return settings
  const message = `Expected \`heartbeat\` to be an object with \`replica\` and \`store\`, got ${inspect(settings)}`
  throw new TenantryError('TENANTRY_ERR_OPTIONS_INVALID', { message })
}
