import type { EventEmitter } from 'node:events'
import type { TenantPoolEvents } from '../pool-events.ts'
import { invalid } from '../pool-options.ts'

/** Where to log: a logger of pino, or one like it. */
export interface Log {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** Otherwise it would turn out when there is something to log. @throws TENANTRY_ERR_OPTIONS_INVALID */
export function mustBeLog(log: Log): void {
  if (typeof log !== 'object' || log === null) throw invalid('`logger`', 'an object', log)
  for (const level of ['info', 'warn', 'error'] as const) {
    if (typeof log[level] !== 'function') throw invalid(`\`logger.${level}\``, 'a function', log[level])
  }
}

/** Logs what a pool tells: changes, never requests. */
export function logEvents(pool: EventEmitter<TenantPoolEvents>, log: Log): void {
  pool.on('built', ({ id, token, durationMs }) => {
    log.info({ tenant: id, token, durationMs: Math.round(durationMs) }, 'tenant built')
  })
  pool.on('replaced', ({ id, token }) => {
    log.info({ tenant: id, token }, 'tenant replaced: its token has changed')
  })
  pool.on('evicted', ({ id, token }) => {
    log.info({ tenant: id, token }, 'tenant evicted to make room')
  })
  pool.on('disposed', ({ id, token, leases }) => {
    if (leases === 0) log.info({ tenant: id, token }, 'tenant disposed of')
    else log.warn({ tenant: id, token, leases }, 'tenant disposed of at the drain deadline, still leased')
  })
  pool.on('disposeFailed', ({ id, error }) => {
    log.error({ tenant: id, err: error }, 'tenant could not be disposed of')
  })
  pool.on('buildFailed', ({ id, error, retryAfterMs }) => {
    log.error({ tenant: id, retryAfterMs, err: error }, 'tenant build failed')
  })
  pool.on('storeUnreachable', ({ error }) => {
    log.error({ err: error }, 'token store unreachable: tenants in memory are served unchecked')
  })
  pool.on('storeReachable', ({ afterMs }) => {
    log.info({ afterMs: Math.round(afterMs) }, 'token store reachable again')
  })
  pool.on('keyFailed', ({ operation, key, error }) => {
    log.error({ operation, key, err: error }, 'token key failed')
  })
  pool.on('keyAnswered', ({ operation, key }) => {
    log.info({ operation, key }, 'token key answered again')
  })
  pool.on('hostnamesFailed', ({ id, error }) => {
    log.error({ tenant: id, err: error }, 'host names of the tenant cannot be had')
  })
  // Not `hostname`: by that pino tells on which machine it runs.
  pool.on('lookupFailed', ({ hostname, error }) => {
    log.error({ host: hostname, err: error }, 'host name cannot be looked up')
  })
  pool.on('lookupAnswered', ({ hostname }) => {
    log.info({ host: hostname }, 'host name can be looked up again')
  })
}
