import { LRUCache } from 'lru-cache'
import { quote } from './errors.ts'
import type { FailedTenant } from './heartbeat-store.ts'
import type { TenantPoolEvents } from './pool-events.ts'

/** How many failures are remembered. */
const MAX_FAILURES = 1000

const MAX_REASON_LENGTH = 500

/** Which builds have failed, and why: the last one of each tenant. */
export class HeartbeatFailures {
  readonly #known: LRUCache<string, FailedTenant>
  /** Of tenants without a token, which may not exist: strangers can name as many as they like, and push none out above. */
  readonly #unknown: LRUCache<string, FailedTenant>

  /** @param onForgotten told the id of a tenant whose failure made room for others */
  constructor(onForgotten: (id: string) => void) {
    const newCache = () =>
      new LRUCache<string, FailedTenant>({
        max: MAX_FAILURES,
        dispose: (_, id, reason) => {
          if (reason === 'evict') onForgotten(id)
        },
      })
    this.#known = newCache()
    this.#unknown = newCache()
  }

  of(id: string): FailedTenant | undefined {
    return this.#known.peek(id) ?? this.#unknown.peek(id)
  }

  entries(): [id: string, failure: FailedTenant][] {
    return [...this.#unknown.entries(), ...this.#known.entries()]
  }

  add({ id, token, all, error }: TenantPoolEvents['buildFailed'][0]): void {
    this.forget(id)
    const failures = token === null ? this.#unknown : this.#known
    failures.set(id, { state: 'failed', token, all, failedAt: new Date(), reason: reasonOf(error) })
  }

  /** Returns whether there was a failure. */
  forget(id: string): boolean {
    return this.#known.delete(id) || this.#unknown.delete(id)
  }
}

/** What went wrong, in a sentence: of an error its message, and what caused it unless the message says that, too. */
function reasonOf(error: unknown): string {
  const message = messageOf(error)
  const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : ''
  const reason = message.includes(cause) ? message : `${message}: ${cause}`
  if (reason.length <= MAX_REASON_LENGTH) return reason
  // A character that is cut in two has no UTF-8.
  return `${reason.slice(0, MAX_REASON_LENGTH - 1).toWellFormed()}…`
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return quote(error)
  if (error.message !== '') return `${error.message}`
  // When no address of a host can be reached, Node's error has no message of its own.
  const [first] = error instanceof AggregateError ? error.errors : []
  return first instanceof Error ? `${first.message}` : error.name
}
