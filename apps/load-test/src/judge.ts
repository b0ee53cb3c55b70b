import { type Answer, readAnswer, restartIdOf, tenantIdOf } from './answer.ts'
import type { DisturbanceLog } from './disturbance-log.ts'
import { type Exchange, replicaOf } from './exchange.ts'
import { nameOf } from './load-tenants.ts'
import type { Failures } from './results.ts'
import { isOlder, type TenantHistory, type Version } from './tenant-history.ts'

export type Verdict =
  | { readonly kind: 'good' }
  /** Under a token without a number: no configuration was missed; whether a plain restart was, cannot be told. */
  | { readonly kind: 'claimed' }
  /** Older than what was required, as it may be: how old, in milliseconds, and why. */
  | { readonly kind: 'allowed'; readonly why: 'maxAge' | 'outage'; readonly ageMs: number }
  | { readonly kind: 'failed'; readonly why: keyof Failures; readonly message: string }
  /** `ageMs`: how old, where a replica that had lost the store by itself would be allowed it; undefined: never. */
  | { readonly kind: 'stale'; readonly message: string; readonly ageMs?: number }
  | { readonly kind: 'torn' | 'wrong'; readonly message: string }

const GOOD: Verdict = { kind: 'good' }

export interface JudgeOptions {
  /** How old a check may be, in milliseconds; 0: every request is checked. */
  readonly maxAgeMs: number
  readonly disturbances: DisturbanceLog
  /** Whether somebody may clear the store, so that replicas claim tokens, which have no number. */
  readonly storeMayForget: boolean
}

/** Judges every answer by what its tenant's history requires of it. */
export class Judge {
  readonly #maxAgeMs: number
  readonly #disturbances: DisturbanceLog
  readonly #storeMayForget: boolean

  constructor({ maxAgeMs, disturbances, storeMayForget }: JudgeOptions) {
    this.#maxAgeMs = maxAgeMs
    this.#disturbances = disturbances
    this.#storeMayForget = storeMayForget
  }

  /**
   * To be called in the order in which answers come: what one shows, it keeps in the history.
   *
   * @param history of the tenant that was asked for, with all that is known when the answer has come
   */
  judge(exchange: Exchange, history: TenantHistory): Verdict {
    if (exchange.error !== undefined || exchange.status !== 200) return this.#failed(exchange)
    const answer = readAnswer(exchange.body)
    if (answer === undefined) return notUnderstood(exchange)
    const mixed = wrong(exchange, answer) ?? torn(exchange, answer)
    if (mixed !== undefined) return mixed
    const shown = versionOf(answer)
    history.show(answer.replica, shown, exchange.endedAt)
    return this.#old(exchange, answer, history) ?? (shown.id === undefined ? this.#claimed(exchange) : GOOD)
  }

  #failed(exchange: Exchange): Verdict {
    const message = describeFailure(exchange)
    const { dispatchedAt, sentAt, endedAt } = exchange
    const replica = replicaOf(exchange)
    // What a replica has said itself, and to the end, was not cut off by anybody.
    const isCut = exchange.error !== undefined || exchange.replica === undefined
    if (isCut && replica !== undefined && this.#disturbances.wasKilled(replica, dispatchedAt, endedAt))
      return { kind: 'failed', why: 'byKill', message }
    if (isRefusedUnchecked(exchange) && this.#disturbances.hadOutage(replica, sentAt, endedAt))
      return { kind: 'failed', why: 'byOutage', message }
    return { kind: 'failed', why: 'unexplained', message }
  }

  #old(exchange: Exchange, answer: Answer, history: TenantHistory): Verdict | undefined {
    const { required, sentAt, endedAt } = exchange
    const { token, replica } = answer
    const shown = versionOf(answer)
    const { sequence } = shown
    // R1: a tenant is stamped with a token that was read before its configuration. Nothing excuses the opposite.
    const promised = shown.id === undefined ? 0 : history.sequenceAt(shown.id)
    if (sequence < promised) {
      const message = `expected configuration #${promised} or later under the token ${token}, got #${sequence}`
      return { kind: 'stale', message }
    }
    // G6: the replica knew, so it needed no store to know better.
    const before = history.shownBefore(replica, sentAt)
    if (before !== undefined && isOlder(shown, before)) {
      const expected = `restart ${before.id} and configuration #${before.sequence} or later, as ${replica} had shown`
      return { kind: 'stale', message: `expected ${expected}, got the token ${token} and #${sequence}` }
    }
    if (!isOlder(shown, required)) return undefined
    const ageMs = sentAt - (history.oldestMissed(shown, sentAt) ?? sentAt)
    // Exact, without a tolerance. A check that was asked for at A is not repeated for a request that comes before
    // A + maxAgeMs, so later than `sentAt` by however little; and it saw every restart that was written before A. What
    // was missed was written after A, and resolved after that: later than `sentAt` - maxAgeMs.
    if (ageMs < this.#maxAgeMs) return { kind: 'allowed', why: 'maxAge', ageMs }
    if (this.#disturbances.hadOutage(replica, sentAt, endedAt))
      return { kind: 'allowed', why: 'outage', ageMs }
    const message =
      `expected restart ${required.id} and configuration #${required.sequence} or later, ` +
      `got the token ${token} and #${sequence}: a restart was missed that had resolved ${ageMs.toFixed(1)} ms before`
    return { kind: 'stale', message, ageMs }
  }

  #claimed({ required, token }: Exchange): Verdict {
    if (this.#storeMayForget) return { kind: 'claimed' }
    if (required.id === 0) return GOOD
    return {
      kind: 'stale',
      message: `expected the token of restart ${required.id} or a later one, got ${token}`,
    }
  }
}

function versionOf({ token, tenant }: Answer): Version {
  return { id: restartIdOf(token), sequence: tenant.load.sequence }
}

/** A whole answer of the status 200 says who it is of: whatever else it is, it has been served to somebody. */
function notUnderstood({ tenant: asked, body }: Exchange): Verdict {
  const id = tenantIdOf(body)
  if (id !== undefined && id !== asked.id)
    return { kind: 'wrong', message: `expected ${asked.id}, got ${id}` }
  const message = `expected what the sample server answers for ${asked.id}, got ${startOf(body)}`
  return { kind: 'torn', message }
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
  return `expected 200, got ${status}: ${startOf(body)}`
}

function startOf(body: string): string {
  return body.length > 200 ? `${body.slice(0, 200)}…` : body
}

/** A tenant that is not in memory cannot be served while the store is away (G6). */
export function isRefusedUnchecked({ body }: Exchange): boolean {
  return body.includes('"TENANTRY_ERR_STORE_UNREACHABLE"')
}
