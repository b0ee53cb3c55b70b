import { type Exchange, replicaOf } from './exchange.ts'
import type { Verdict } from './judge.ts'
import type { Allowed, Failures, Finding, Verdicts } from './results.ts'

/** Of each kind: four kinds come to fewer than 50. */
const MAX_FINDINGS = 12

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** Counts verdicts, and keeps the first findings of each kind. */
export class Tally {
  readonly verdicts: Mutable<Verdicts> = { stale: 0, failed: 0, torn: 0, wrong: 0 }
  readonly failures: Mutable<Failures> = { byKill: 0, byOutage: 0, unexplained: 0 }
  readonly allowed: Mutable<Allowed> = {
    duringOutage: 0,
    withinMaxAge: 0,
    oldestOutageMs: 0,
    oldestWithinMaxAgeMs: 0,
  }
  readonly findings: Finding[] = []
  readonly #answers = new Map<string, number>()
  requests = 0

  /** @param seconds from the beginning of the run */
  add(exchange: Exchange, verdict: Verdict, seconds: number): void {
    this.requests += 1
    const { replica } = exchange
    if (replica !== undefined) this.#answers.set(replica, (this.#answers.get(replica) ?? 0) + 1)
    if (verdict.kind === 'good') return
    if (verdict.kind === 'allowed') {
      this.#allow(verdict.why, verdict.ageMs)
      return
    }
    this.verdicts[verdict.kind] += 1
    if (verdict.kind === 'failed') {
      this.failures[verdict.why] += 1
      if (verdict.why !== 'unexplained') return
    }
    if (this.findings.filter(({ kind }) => kind === verdict.kind).length >= MAX_FINDINGS) return
    const from = replicaOf(exchange)
    this.findings.push({
      at: seconds,
      kind: verdict.kind,
      tenant: exchange.tenant.id,
      ...(from !== undefined && { replica: from }),
      message: verdict.message,
    })
  }

  /** By replica: how many answers bore its name. */
  answers(): { readonly name: string; readonly answers: number }[] {
    const compare = new Intl.Collator('en', { numeric: true }).compare
    return [...this.#answers]
      .map(([name, answers]) => ({ name, answers }))
      .sort((one, other) => compare(one.name, other.name))
  }

  #allow(why: 'maxAge' | 'outage', ageMs: number): void {
    const [count, oldest] =
      why === 'outage'
        ? (['duringOutage', 'oldestOutageMs'] as const)
        : (['withinMaxAge', 'oldestWithinMaxAgeMs'] as const)
    this.allowed[count] += 1
    this.allowed[oldest] = Math.max(this.allowed[oldest], ageMs)
  }
}
