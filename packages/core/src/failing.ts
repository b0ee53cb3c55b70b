import { LRUCache } from 'lru-cache'
import type { Tell } from './pool-events.ts'
import type { TokenKey } from './token.ts'

/** How many things that fail are told apart. */
const MAX_FAILING = 1000

/** Is told how things went, and tells when one of them begins to fail and when it is well again, not each time. */
export class Failing {
  readonly #tell: Tell
  readonly #names = new LRUCache<string, true>({ max: MAX_FAILING })

  constructor(tell: Tell) {
    this.#tell = tell
  }

  /** Whether anything is failing just now. */
  get any(): boolean {
    return this.#names.size > 0
  }

  /** An operation of the token store. Without an error, it went well. */
  operation(operation: 'read' | 'claim' | 'touch', keys: readonly TokenKey[], error?: unknown): void {
    // A touch of many keys fails or goes well as one.
    const name = operation === 'touch' ? operation : `${operation} ${keys[0]}`
    const key = keys[0] ?? ''
    if (error === undefined) {
      if (this.#ends(name)) this.#tell('keyAnswered', { operation, key })
    } else if (this.#begins(name)) this.#tell('keyFailed', { operation, key, error })
  }

  /** A lookup of a host name. Without an outcome, it went well. */
  lookup(hostname: string, outcome: { error: unknown } | undefined): void {
    const name = `lookup ${hostname}`
    if (outcome === undefined) {
      if (this.#ends(name)) this.#tell('lookupAnswered', { hostname })
    } else if (this.#begins(name)) this.#tell('lookupFailed', { hostname, error: outcome.error })
  }

  #begins(name: string): boolean {
    if (this.#names.get(name) !== undefined) return false
    this.#names.set(name, true)
    return true
  }

  #ends(name: string): boolean {
    return this.#names.delete(name)
  }
}
