import { restartIdOf } from './answer.ts'
import { ConvergenceWatch } from './convergence.ts'
import type { DisturbanceLog } from './disturbance-log.ts'
import { type Exchange, replicaOf } from './exchange.ts'
import { Judge } from './judge.ts'
import type { Ledger } from './ledger.ts'
import type { LoadTenant } from './load-tenants.ts'
import { monotonicMs } from './monotonic-ms.ts'
import type { ReplicaMetrics } from './replica-metrics.ts'
import type { SentRequest } from './sent-request.ts'
import { Tally } from './tally.ts'
import { TenantHistory } from './tenant-history.ts'
import { Timeline } from './timeline.ts'

export interface MeasurementOptions {
  readonly tenants: number
  readonly maxAgeMs: number
  /** What is in it already has resolved before the run. */
  readonly ledger: Ledger
  readonly disturbances: DisturbanceLog
  /** Whether somebody may clear the store meanwhile. */
  readonly storeMayForget: boolean
}

/** What is known of a run: every answer is judged by it, and all numbers come from it. It begins when it is made. */
export class Measurement {
  readonly startedAt: number
  readonly tally: Tally = new Tally()
  readonly timeline: Timeline = new Timeline()
  readonly convergence: ConvergenceWatch
  readonly #ledger: Ledger
  readonly #histories: readonly TenantHistory[]
  readonly #judge: Judge
  #endedAt: number

  constructor({ tenants, ledger, ...judging }: MeasurementOptions) {
    this.#ledger = ledger
    this.#judge = new Judge(judging)
    this.#histories = Array.from({ length: tenants }, () => new TenantHistory())
    this.convergence = new ConvergenceWatch(tenants)
    for (let entry = ledger.next(); entry !== undefined; entry = ledger.next()) {
      this.#historyOf(entry.tenant).add(entry)
    }
    this.startedAt = monotonicMs()
    this.#endedAt = this.startedAt
  }

  /** How long it took until the last request ended. */
  get seconds(): number {
    return (this.#endedAt - this.startedAt) / 1000
  }

  /** What a request that is sent just after this must show. */
  required({ index }: LoadTenant): Exchange['required'] {
    this.#readLedger()
    return this.#historyOf(index).required
  }

  take(request: SentRequest): void {
    const { tenant, endedAt, sentAt, replica, token } = request
    this.#endedAt = endedAt
    // Before it is judged: the token that it bears may have been entered a moment ago.
    this.#readLedger()
    const verdict = this.#judge.judge(request, this.#historyOf(tenant.index))
    const at = endedAt - this.startedAt
    const isTelling = request.waitMs === 0 && request.status !== undefined
    this.timeline.request(at, isTelling ? endedAt - sentAt : undefined)
    this.tally.add(request, verdict, at / 1000)
    if (verdict.kind === 'failed' || verdict.kind === 'stale') this.timeline.count(verdict.kind)
    if (verdict.kind === 'allowed') this.timeline.count('allowedOld')
    // What else it is says nothing of how far the replica is with this tenant.
    if (verdict.kind !== 'good' && verdict.kind !== 'allowed' && verdict.kind !== 'stale') return
    const id = token === undefined ? undefined : restartIdOf(token)
    if (replica === undefined || id === undefined) return
    this.convergence.answered(tenant.index, replica, { id, at: endedAt })
  }

  /** To be called at the end, with what the replicas have told until then. */
  settle(metrics: Pick<ReplicaMetrics, 'mayBeUnchecked'>): void {
    const excused = this.tally.settle((exchange) => {
      const replica = replicaOf(exchange)
      const span = { from: exchange.sentAt, to: exchange.endedAt }
      return replica !== undefined && metrics.mayBeUnchecked(replica, span)
    })
    for (const seconds of excused) this.timeline.allow(1000 * seconds)
  }

  /** To be called every second or so, lest it wait for requests to notice that time goes by. */
  tick(): void {
    const now = monotonicMs()
    this.timeline.advance(now - this.startedAt)
    this.convergence.forgetSilent(now)
  }

  #readLedger(): void {
    for (let entry = this.#ledger.next(); entry !== undefined; entry = this.#ledger.next()) {
      const history = this.#historyOf(entry.tenant)
      const wasPending = history.has(entry.id)
      history.add(entry)
      if (entry.resolvedAt === undefined) continue
      this.timeline.count('restarts')
      // When one that was pending was written, nobody knows exactly: replicas may have shown it long before.
      if (!wasPending) this.convergence.resolved(entry)
    }
  }

  #historyOf(tenant: number): TenantHistory {
    return this.#histories[tenant] as TenantHistory
  }
}
