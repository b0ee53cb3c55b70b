import { show } from '@tenantry/app-support'
import type { Convergence } from '../api.ts'
import { doubtOf, exitStatusOf as exitStatusOfFound, isSettled as isSettledFound } from './convergence.ts'
import { EXIT, type ExitStatus } from './exit-status.ts'
import { type ManagerClient, ManagerError } from './manager-client.ts'

/** What a look at the manager tells of a tenant. */
export type Look = Convergence | Untold

/** How far the replicas are could not be told. In the words of the API, since documents hold it. */
interface Untold {
  readonly tenant: string
  /** Neither yes nor no. */
  readonly converged: null
  /** Null: no manager has replied. */
  readonly code: string | null
  readonly message: string
  /** Whether another look may tell. */
  readonly passing: boolean
}

/**
 * Which replica is where with a tenant.
 *
 * @throws ManagerError
 */
export async function readConvergence(
  manager: ManagerClient,
  id: string,
  options?: { timeoutMs: number },
): Promise<Convergence> {
  try {
    return await manager.get(`/tenants/${encodeURIComponent(id)}/convergence`, {}, options)
  } catch (error) {
    throw error instanceof ManagerError ? inOurWords(error, id) : error
  }
}

/** The manager's sentences tell neither what is down nor which tenant is meant: it may be one of many. */
function inOurWords(error: ManagerError, id: string): ManagerError {
  const { code, isPassing } = error
  if (code === 'MANAGER_ERR_HEARTBEATS_UNREADABLE') {
    const message = 'Redis cannot be reached: who has taken it up cannot be told'
    return new ManagerError(message, { code, isPassing, cause: error })
  }
  return noSuchTenant(error, id) ?? error
}

/** Undefined: that is not what the error says. */
export function noSuchTenant(error: unknown, id: string): ManagerError | undefined {
  if (!(error instanceof ManagerError) || error.code !== 'TENANTRY_ERR_TENANT_NOT_FOUND') return undefined
  return new ManagerError(`There is no tenant ${show(id)}`, { code: error.code, cause: error })
}

/** Whether there is nothing left to look for. */
export function isSettled(look: Look): boolean {
  return look.converged === null ? !look.passing : isSettledFound(look)
}

/** What to end with after the last look at each of some tenants. A failure is worse than a wait: it does not end by itself. */
export function exitStatusOf(looks: readonly Look[]): ExitStatus {
  const statuses = looks.map((look) => {
    if (look.converged !== null) return exitStatusOfFound(look)
    return look.passing ? EXIT.pending : EXIT.refused
  })
  return [EXIT.failed, EXIT.refused, EXIT.pending].find((status) => statuses.includes(status)) ?? EXIT.done
}

/** What is to be said on the standard error at the end, each thing once. */
export function complaintsOf(looks: readonly Look[]): string[] {
  const complaints = looks.map((look) => (look.converged === null ? look.message : doubtOf(look)))
  return [...new Set(complaints)].filter((complaint) => complaint !== undefined)
}
