import { type Answer, readAnswer, restartIdOf } from './answer.ts'
import type { DisturbanceLog } from './disturbance-log.ts'
import { type Exchange, replicaOf } from './exchange.ts'
import { nameOf } from './load-tenants.ts'
import type { Failures } from './results.ts'
import { isOlder, type TenantHistory } from './tenant-history.ts'

export type Verdict =
  | { readonly kind: 'good' }
  /** Older than what was required, as it may be: how old, in milliseconds, and why. */
  | { readonly kind: 'allowed'; readonly why: 'maxAge' | 'outage'; readonly ageMs: number }
  | { readonly kind: 'failed'; readonly why: keyof Failures; readonly message: string }
  | { readonly kind: 'stale' | 'torn' | 'wrong'; readonly message: string }

const GOOD: Verdict = { kind: 'good' }

export interface JudgeOptions {
  /** How old a check may be, in milliseconds; 0: every request is checked. */
  readonly maxAgeMs: number
  readonly disturbances: DisturbanceLog
}

/** Judges every answer by what its tenant's history requires of it. */
export class Judge {
  readonly #maxAgeMs: number
  readonly #disturbances: DisturbanceLog

  constructor({ maxAgeMs, disturbances }: JudgeOptions) {
    this.#maxAgeMs = maxAgeMs
    this.#disturbances = disturbances
  }

  /** @param history of the tenant that was asked for, with all that is known when the answer has come */
  judge(exchange: Exchange, history: TenantHistory): Verdict {
    if (exchange.error !== undefined || exchange.status !== 200) return this.#failed(exchange)
    const answer = readAnswer(exchange.body)
    if (answer === undefined) return this.#failed(exchange)
    return wrong(exchange, answer) ?? torn(exchange, answer) ?? this.#old(exchange, answer, history) ?? GOOD
  }

  #failed(exchange: Exchange): Verdict {
    const message = describeFailure(exchange)
    const { sentAt, endedAt } = exchange
    const replica = replicaOf(exchange)
    if (replica !== undefined && this.#disturbances.wasKilled(replica, sentAt, endedAt))
      return { kind: 'failed', why: 'byKill', message }
    if (isRefusedUnchecked(exchange) && this.#disturbances.hadOutage(sentAt, endedAt))
      return { kind: 'failed', why: 'byOutage', message }
    return { kind: 'failed', why: 'unexplained', message }
  }

  #old(exchange: Exchange, { tenant, token }: Answer, history: TenantHistory): Verdict | undefined {
    const { required, sentAt, endedAt } = exchange
    const { sequence } = tenant.load
    const shown = { id: restartIdOf(token), sequence }
    // R1: a tenant is stamped with a token that was read before its configuration. Nothing excuses the opposite.
    const promised = shown.id === undefined ? 0 : history.sequenceAt(shown.id)
    if (sequence < promised) {
      const message = `expected configuration #${promised} or later under the token ${token}, got #${sequence}`
      return { kind: 'stale', message }
    }
    if (!isOlder(shown, required)) return undefined
    const ageMs = sentAt - (history.oldestMissed(shown, sentAt) ?? sentAt)
    // Exact, without a tolerance. A check that was asked for at A is not repeated for a request that comes before
    // A + maxAgeMs, so later than `sentAt` by however little; and it saw every restart that was written before A. What
    // was missed was written after A, and resolved after that: later than `sentAt` - maxAgeMs.
    if (ageMs < this.#maxAgeMs) return { kind: 'allowed', why: 'maxAge', ageMs }
    if (this.#disturbances.hadOutage(sentAt, endedAt)) return { kind: 'allowed', why: 'outage', ageMs }
    const message =
      `expected restart ${required.id} and configuration #${required.sequence} or later, ` +
      `got the token ${token} and #${sequence}: a restart was missed that had resolved ${ageMs.toFixed(1)} ms before`
    return { kind: 'stale', message }
  }
}

/** Another tenant, from top to bottom. */
function wrong({ tenant: asked }: Exchange, { tenant }: Answer): Verdict | undefined {
  if (tenant.id === asked.id || tenant.load.tenant === asked.id || tenant.hostnames.includes(asked.hostname))
    return undefined
  return { kind: 'wrong', message: `expected ${asked.id}, got ${tenant.id}` }
}

/** Two tenants, or two builds of one, in one response. */
function torn(exchange: Exchange, { tenant, token, replica }: Answer): Verdict | undefined {
  const { id, hostname } = exchange.tenant
  const { load } = tenant
  if (tenant.id !== id || load.tenant !== id || !tenant.hostnames.includes(hostname)) {
    const got = `${tenant.id}, ${tenant.hostnames.join(', ')} and ${load.tenant}`
    return { kind: 'torn', message: `expected ${id}, ${hostname} and ${id}, got ${got}` }
  }
  const name = nameOf(id, load.sequence)
  if (tenant.name !== name || tenant.tagline !== name) {
    return { kind: 'torn', message: `expected "${name}" twice, got "${tenant.name}" and "${tenant.tagline}"` }
  }
  if (exchange.token === token && exchange.replica === replica) return undefined
  const head = `${exchange.token} of ${exchange.replica}`
  return { kind: 'torn', message: `expected ${head} as in the head, got ${token} of ${replica} in the body` }
}

function describeFailure({ error, status, body }: Exchange): string {
  if (error !== undefined)
    return `expected an answer, got ${(error as NodeJS.ErrnoException).code}: ${error.message}`
  const start = body.length > 200 ? `${body.slice(0, 200)}…` : body
  if (status !== 200) return `expected 200, got ${status}: ${start}`
  return `expected what the sample server answers for a tenant of the load test, got ${start}`
}

/** A tenant that is not in memory cannot be served while the store is away (G6). */
function isRefusedUnchecked({ body }: Exchange): boolean {
  return body.includes('"TENANTRY_ERR_STORE_UNREACHABLE"')
}
