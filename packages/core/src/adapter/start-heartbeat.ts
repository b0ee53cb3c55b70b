import { Heartbeat, type HeartbeatOptions } from '../heartbeat.ts'
import type { HeartbeatStore } from '../heartbeat-store.ts'
import { invalid } from '../pool-options.ts'
import type { Log } from './log-events.ts'

/** How a replica tells of itself. */
export interface HeartbeatSettings {
  /** What this replica is called: a name of its own for every process, not an address. */
  replica: string
  /** Where to tell it. A function: the adapter opens the store and closes it; a store: it stays yours to close. */
  store: HeartbeatStore | (() => HeartbeatStore)
}

/**
 * Tells of a pool as the settings say, and of failures to the log.
 *
 * @returns ends it: says goodbye, and closes the store if it was opened here
 * @throws TENANTRY_ERR_OPTIONS_INVALID; what has been opened is closed then
 */
export function startHeartbeat(
  pool: HeartbeatOptions['pool'],
  settings: HeartbeatSettings | undefined,
  log: Log,
): () => Promise<void> {
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
    // The error of the options counts, whatever becomes of a store that nobody has used.
    closeStore().catch(() => {})
    throw error
  }
}

function checked(settings: HeartbeatSettings): HeartbeatSettings {
  if (typeof settings === 'object' && settings !== null) return settings
  throw invalid('`heartbeat`', 'an object with `replica` and `store`', settings)
}
