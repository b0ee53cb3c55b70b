import { setTimeout as sleep } from 'node:timers/promises'
import { isSettled, type Look, readConvergence } from './look.ts'
import { type ManagerClient, ManagerError } from './manager-client.ts'

export interface WatchOptions {
  timeoutMs: number
  /** Whether the manager has answered before: then it is there, also where it does not answer for a while. */
  hasAnswered: boolean
  /** Called with what was seen first, and then with each change; not with what ends the watch as a refusal. */
  onChange: (look: Look) => void
}

/** How often to look; replicas tell at most once a second. */
const EVERY_MS = 500

/** How many tenants to look at at once. */
const AT_ONCE = 8

/** How long the manager may take for a look: at the end of the time, too, it gets a second. */
const LOOK_MS = { least: 1000, most: 10_000 }

/**
 * Waits until all replicas have taken up the last restart of each of these tenants, or have failed to, or the time
 * is over: what was seen last tells which. That it cannot be told for a while ends nothing: the restarts are committed.
 */
export async function watch(
  manager: ManagerClient,
  ids: readonly string[],
  options: WatchOptions,
): Promise<Look[]> {
  const { timeoutMs, onChange } = options
  const deadline = performance.now() + timeoutMs
  const seen = new Map<string, Look>()
  let { hasAnswered } = options
  for (;;) {
    await lookAtAll(ids.filter((id) => !settled(id)))
    const left = deadline - performance.now()
    if (left <= 0 || ids.every(settled)) return [...seen.values()]
    await sleep(Math.min(EVERY_MS, left))
  }

  function settled(id: string): boolean {
    const look = seen.get(id)
    return look !== undefined && isSettled(look)
  }

  async function lookAtAll(open: readonly string[]): Promise<void> {
    for (let at = 0; at < open.length; at += AT_ONCE) {
      const looks = await Promise.all(open.slice(at, at + AT_ONCE).map(lookAt))
      for (const look of looks) take(look)
      const problem = looks.find((look) => look.converged === null && look.passing)
      if (problem === undefined) continue
      // What may pass is no matter of one tenant: all others would be told the same, one time limit after the other.
      for (const id of open.slice(at + AT_ONCE)) take({ ...problem, tenant: id })
      return
    }
  }

  async function lookAt(id: string): Promise<Look> {
    const left = Math.max(LOOK_MS.least, deadline - performance.now())
    try {
      const convergence = await readConvergence(manager, id, { timeoutMs: Math.min(LOOK_MS.most, left) })
      hasAnswered = true
      return convergence
    } catch (error) {
      if (!(error instanceof ManagerError)) throw error
      const { code = null, message, isPassing } = error
      if (code !== null) hasAnswered = true
      // Where nobody ever answered, there is nothing to wait for: MANAGER_URL is wrong, most likely.
      return { tenant: id, converged: null, code, message, passing: isPassing && hasAnswered }
    }
  }

  function take(look: Look): void {
    const before = seen.get(look.tenant)
    seen.set(look.tenant, look)
    const isRefusal = look.converged === null && !look.passing
    if (!isRefusal && JSON.stringify(before) !== JSON.stringify(look)) onChange(look)
  }
}
