import { printable } from '@tenantry/app-support'
import type { Convergence } from '../api.ts'
import { EXIT, type ExitStatus } from './exit-status.ts'
import { table } from './table.ts'

/** Whether there is nothing left to wait for: all have it, or all have either it or a reason why not. */
export function isSettled(convergence: Convergence): boolean {
  const { restart, counts } = convergence
  return isProven(convergence) || (isWritten(restart) && counts.behind === 0 && counts.failed > 0)
}

/**
 * Whether the restart has arrived, and the tenant can be built since. That no replica is behind does not tell: after
 * the restart of a tenant that could not be built, or that nobody asks for, there may be none that holds it.
 */
function isProven({ converged, counts }: Convergence): boolean {
  return converged && counts.current > 0
}

export function exitStatusOf(convergence: Convergence): ExitStatus {
  if (isProven(convergence)) return EXIT.done
  return convergence.counts.failed > 0 ? EXIT.failed : EXIT.pending
}

/** What is wrong although no replica is behind; undefined: nothing, or that is not what is waited for. */
export function doubtOf(convergence: Convergence): string | undefined {
  const { tenant, converged, replicas } = convergence
  if (!converged || isProven(convergence)) return undefined
  const why = replicas.length === 0 ? 'no replica has told of itself' : 'no replica has built it yet'
  return `${tenant}: ${why}: nothing shows yet that it can be built`
}

/** In one line. */
export function summaryOf({ tenant, restart, counts, replicas }: Convergence): string {
  const parts = [
    `${counts.current} of ${replicas.length} replicas have it`,
    counts.behind > 0 && `${counts.behind} behind`,
    counts.failed > 0 && `${counts.failed} failed`,
    counts['not-loaded'] > 0 && `${counts['not-loaded']} not loaded`,
    !isWritten(restart) && 'not yet written to the store',
  ]
  return `${printable(tenant)}: ${parts.filter(Boolean).join(', ')}`
}

/** The summary, and where each replica is. */
export function describeConvergence(convergence: Convergence): string {
  const { restart, replicas } = convergence
  const lines = [summaryOf(convergence)]
  if (restart !== null) {
    const { id, tenant, requestedAt, by, reason } = restart
    const whose = tenant === null ? 'of all tenants' : 'of the tenant'
    const why = reason === null ? '' : `: ${reason}`
    lines.push(printable(`restart ${id} ${whose}, asked for at ${requestedAt} by ${by}${why}`))
  }
  if (replicas.length > 0) {
    const rows = replicas.map(({ replica, state, at, reason }) => [
      replica,
      state,
      // Of a tenant that is not loaded, a replica may still tell when it failed under earlier tokens.
      state === 'not-loaded' ? '' : (at ?? ''),
      reason ?? '',
    ])
    lines.push('', table(['REPLICA', 'STATE', 'SINCE', 'WHY'], rows))
  }
  return lines.join('\n')
}

/** A tenant that was never restarted has nothing that could wait for the store. */
function isWritten(restart: Convergence['restart']): boolean {
  return restart === null || restart.writtenAt !== null
}
