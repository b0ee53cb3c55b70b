import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import type { Build } from './build.ts'
import { hasCode } from './errors.ts'
import type { PooledTenant } from './lease.ts'
import type { Reading } from './reading.ts'
import { bears, type Stamp, tokensIn } from './stamp.ts'
import type { Token, TokenKey } from './token.ts'

/**
 * What the subscribers of the tracing channel `tenantry:check` are told of one check: that of one `acquire` which asks
 * the token store. The same object comes with `start` and with what follows.
 */
export interface CheckTrace {
  readonly id: string
  /**
   * How the check ended; from `asyncStart` on.
   *
   * - `'stands'`: the tenant in memory is under just the tokens found
   * - `'outdated'`: it is not
   * - `'not-held'`: there was none in memory
   * - `'unanswered'`: the store gave no answer in time, or was known to give none; one of the tenant's keys failed,
   *   if only that one; or the pool closed. That is no error: what follows may well serve the request
   */
  readonly result?: CheckResult
}

type CheckResult = 'stands' | 'outdated' | 'not-held' | 'unanswered'

/**
 * What the subscribers of the tracing channel `tenantry:build` are told of one build, from when it has its slot. The
 * same object comes with `start` and with what follows, and is filled meanwhile.
 */
export interface BuildTrace {
  readonly id: string
  /**
   * How long it has waited for its slot, in milliseconds, behind another build of the tenant included. Where a token is
   * absent it goes on in a slot of another kind: once it has that, the wait for it is in here, too.
   */
  waitedMs: number
  /** The tenant's own token, as it was found, then as it was claimed. `null`: absent. Undefined: not known. */
  token?: Token | null
  /** The token that speaks for all tenants, likewise. */
  all?: Token | null
  /**
   * How long `load` took, all its calls together, in milliseconds. Undefined: it was not called, or is under way for
   * the first time. While it is for the second, it is that of the first.
   */
  loadMs?: number
  /** How long `create` took, in milliseconds. Undefined: it was not called, or is under way. */
  createMs?: number
  /**
   * `'built'`: the tenant was built. `'found'`: another build had just built it, and nothing was loaded. `'not-found'`:
   * there is no such tenant, and those who asked for it hear so.
   */
  readonly result?: BuildResult
  /**
   * Why it failed, or was refused: a `TenantryError`. Its `cause` is what `load`, `create` or the token store's `claim`
   * threw; it has none where nothing did, such as while a failure backs off, the store is away, or the pool closes.
   */
  readonly error?: unknown
}

type BuildResult = 'built' | 'found' | 'not-found'

/** Of each `acquire` that asks the token store, from asking to knowing what the answer means. */
export const checkChannel: TracingChannel<unknown, CheckTrace> = tracingChannel('tenantry:check')

/** Of each build, from its slot to its end. */
export const buildChannel: TracingChannel<unknown, BuildTrace> = tracingChannel('tenantry:build')

/**
 * Asks by `ask`, and resolves when the answer is there or no longer waited for. Asked within the trace: what the store
 * does is then part of the check that began the read.
 */
export async function traceCheck(
  check: { readonly id: string; readonly key: TokenKey; readonly stamp: Stamp | undefined },
  ask: () => Reading | undefined,
): Promise<Reading | undefined> {
  const { id, key, stamp } = check
  let reading: Reading | undefined
  const run = async (): Promise<CheckResult> => {
    reading = ask()
    await reading?.settled
    const tokens = reading && tokensIn(reading, key)
    if (tokens === undefined) return 'unanswered'
    if (stamp === undefined) return 'not-held'
    return bears(stamp, tokens) ? 'stands' : 'outdated'
  }
  await checkChannel.tracePromise(run, { id })
  return reading
}

/** Runs a build within its trace, which it fills. */
export async function traceBuild<Tenant>(
  build: Build<Tenant>,
  waitedMs: number,
  run: () => Promise<PooledTenant<Tenant>>,
): Promise<PooledTenant<Tenant>> {
  const trace: BuildTrace = { id: build.id, waitedMs }
  build.trace = trace
  let running!: Promise<PooledTenant<Tenant>>
  const runTraced = async (): Promise<BuildResult> => {
    running = run()
    try {
      const pooled = await running
      // Otherwise it has not come so far as to have a stamp of its own.
      return pooled.stamp === build.stamp ? 'built' : 'found'
    } catch (error) {
      // An answer, and not a failure of the build.
      if (hasCode(error, 'TENANTRY_ERR_TENANT_NOT_FOUND')) return 'not-found'
      throw error
    }
  }
  await buildChannel.tracePromise(runTraced, trace)
  return running
}
