import { type Exchange, replicaOf } from './exchange.ts'
import { isRefusedUnchecked, type Verdict } from './judge.ts'
import type { Allowed, Failures, Finding, Verdicts } from './results.ts'

/** Of each kind: four kinds come to fewer than 50. */
const MAX_FINDINGS = 12

/** What more there is stands as it was judged. */
const MAX_SUSPECTS = 10_000

/** Something that is excused if the replica had lost the store by itself, which is known later. */
interface Suspect {
  readonly exchange: Exchange
  readonly verdict: Extract<Verdict, { kind: 'stale' | 'failed' }>
  readonly seconds: number
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** Counts verdicts, and keeps the first findings of each kind. */
export class Tally {
  readonly verdicts: Mutable<Verdicts> = { stale: 0, failed: 0, torn: 0, wrong: 0 }
  readonly failures: Mutable<Failures> = { byKill: 0, byOutage: 0, unexplained: 0 }
  readonly allowed: Mutable<Allowed> = {
    duringOutage: 0,
    unchecked: 0,
    withinMaxAge: 0,
    claimed: 0,
    oldestOutageMs: 0,
    oldestUncheckedMs: 0,
    oldestWithinMaxAgeMs: 0,
  }
  readonly findings: Finding[] = []
  readonly #answers = new Map<string, number>()
  readonly #suspects: Suspect[] = []
  requests = 0

  /** @param seconds from the beginning of the run */
  add(exchange: Exchange, verdict: Verdict, seconds: number): void {
    this.requests += 1
    const { replica } = exchange
    if (replica !== undefined) this.#answers.set(replica, (this.#answers.get(replica) ?? 0) + 1)
    if (verdict.kind === 'good') return
    if (verdict.kind === 'claimed') {
      this.allowed.claimed += 1
      return
    }
    if (verdict.kind === 'allowed') {
      this.#allow(verdict.why, verdict.ageMs)
      return
    }
    this.verdicts[verdict.kind] += 1
    if (verdict.kind === 'failed') {
      this.failures[verdict.why] += 1
      if (verdict.why !== 'unexplained') return
    }
    if (isSuspect(verdict, exchange) && this.#suspects.length < MAX_SUSPECTS) {
      this.#suspects.push({ exchange, verdict, seconds })
      return
    }
    this.#find(exchange, verdict, seconds)
  }

  /**
   * Judges what was left open, once all is known.
   *
   * @param mayBeUnchecked whether the replica may have served unchecked while the request was under way
   * @returns when old answers came that are allowed, in seconds from the beginning of the run
   */
  settle(mayBeUnchecked: (exchange: Exchange) => boolean): readonly number[] {
    const excused: number[] = []
    for (const { exchange, verdict, seconds } of this.#suspects.splice(0)) {
      if (!mayBeUnchecked(exchange)) {
        this.#find(exchange, verdict, seconds)
      } else if (verdict.kind === 'failed') {
        this.failures.unexplained -= 1
        this.failures.byOutage += 1
      } else {
        this.verdicts.stale -= 1
        this.#allow('unchecked', verdict.ageMs as number)
        excused.push(seconds)
      }
    }
    this.findings.sort((one, other) => one.at - other.at)
    return excused
  }

  #find(exchange: Exchange, verdict: Extract<Verdict, { message: string }>, seconds: number): void {
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

  #allow(why: 'maxAge' | 'outage' | 'unchecked', ageMs: number): void {
    const [count, oldest] = ALLOWED[why]
    this.allowed[count] += 1
    this.allowed[oldest] = Math.max(this.allowed[oldest], ageMs)
  }
}

const ALLOWED = {
  outage: ['duringOutage', 'oldestOutageMs'],
  unchecked: ['unchecked', 'oldestUncheckedMs'],
  maxAge: ['withinMaxAge', 'oldestWithinMaxAgeMs'],
} as const

function isSuspect(verdict: Verdict, exchange: Exchange): verdict is Suspect['verdict'] {
  if (verdict.kind === 'stale') return verdict.ageMs !== undefined
  return verdict.kind === 'failed' && isRefusedUnchecked(exchange)
}
