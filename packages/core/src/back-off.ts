import { LRUCache } from 'lru-cache'
import type { Clock } from './clock.ts'
import type { Tokens } from './stamp.ts'
import type { TokenKey } from './token.ts'

/** How long the first failure keeps a tenant from being built again; each further one doubles it. */
const FIRST_MS = 500
const LONGEST_MS = 30_000

interface Failure {
  readonly tokens: Tokens
  readonly until: number
  readonly count: number
}

/**
 * Remembers which tenants could not be built, and under which tokens. A new token ends a back-off at once.
 *
 * An absent token matches an absent one here: nothing is ever served by a match, it only spares the authority.
 */
export class BackOff {
  readonly #clock: Clock
  readonly #known: LRUCache<TokenKey, Failure>
  /** Of tenants without a token, which may not exist: strangers can name as many as they like, and push none out above. */
  readonly #unknown: LRUCache<TokenKey, Failure>

  constructor(clock: Clock, maxTenants: number) {
    this.#clock = clock
    this.#known = new LRUCache({ max: maxTenants })
    this.#unknown = new LRUCache({ max: maxTenants })
  }

  /** For how many milliseconds more a build under these tokens would be in vain; 0: it may be tried. */
  remainingMs(key: TokenKey, tokens: Tokens): number {
    const failure = this.#of(tokens).get(key)
    if (failure === undefined || !alike(failure.tokens, tokens)) return 0
    return Math.max(0, failure.until - this.#clock.now())
  }

  /** Notes a failure, and returns how long it keeps the tenant from being built again, in milliseconds. */
  failed(key: TokenKey, tokens: Tokens): number {
    const before = this.#of(tokens).get(key)
    const count = before !== undefined && alike(before.tokens, tokens) ? before.count + 1 : 1
    const delayMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** (count - 1))
    this.#of(tokens).set(key, { tokens, until: this.#clock.now() + delayMs, count })
    return delayMs
  }

  succeeded(key: TokenKey): void {
    this.#known.delete(key)
    this.#unknown.delete(key)
  }

  #of(tokens: Tokens): LRUCache<TokenKey, Failure> {
    return tokens.tenant === null ? this.#unknown : this.#known
  }
}

function alike(one: Tokens, other: Tokens): boolean {
  return one.tenant === other.tenant && one.all === other.all
}
