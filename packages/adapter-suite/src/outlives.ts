import type { Test } from 'tap'
import { LIMIT_MS, type WorkScene } from './scene.ts'

export interface Outliving {
  /** How many requests hold the tenant. @default 1 */
  readonly leases?: number
  /** Lets go of it. */
  readonly end: () => unknown
  /**
   * By `performance.now()`, just before the clients vanished, where `end` tells the adapter nothing: the leases end
   * {@link LIMIT_MS} after that.
   */
  readonly limitSince?: number
}

/** Restarts the tenant: what requests hold must stay, and go when `end` has let go of it. */
export async function outlives(
  t: Test,
  scene: Pick<WorkScene, 'pool' | 'built' | 'restart' | 'drained' | 'work'>,
  { leases = 1, end, limitSince }: Outliving,
): Promise<void> {
  const { pool, built, restart, drained, work } = scene
  const held = built[0]
  await restart()
  t.match(pool.stats(), { leases, draining: leases === 0 ? 0 : 1 })
  t.equal(held?.disposals, leases === 0 ? 1 : 0, 'a tenant stays while it is at work')
  await end()
  await drained()
  if (limitSince !== undefined) t.ok(performance.now() - limitSince >= LIMIT_MS, 'no sooner')
  t.equal(held?.disposals, 1, 'a tenant that has left is disposed of once')
  t.strictSame(work.mourners, [])
}
