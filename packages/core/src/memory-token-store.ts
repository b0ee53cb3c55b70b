import { type Clock, systemClock } from './clock.ts'
import { type Token, type TokenKey, tokenLifetimeMs } from './token.ts'
import type { TokenAnswer, TokenStore } from './token-store.ts'

export interface MemoryTokenStoreOptions {
  /** By which clock tokens end. @default Node's own */
  clock?: Clock
  /** Spreads the lifetimes: a number from 0 (inclusive) to 1 (exclusive). @default Math.random */
  random?: () => number
}

interface HeldToken {
  readonly token: Token
  /** When it ends, in milliseconds of the clock. */
  readonly endsAt: number
}

/**
 * The wall for one process: for demos and tests, where all replicas live in the process that also writes.
 *
 * Any number of pools may share one. There is nothing to close, and nothing outlives the process.
 */
export class MemoryTokenStore implements TokenStore {
  readonly #held = new Map<TokenKey, HeldToken>()
  readonly #clock: Clock
  readonly #random: () => number

  constructor({ clock = systemClock, random = Math.random }: MemoryTokenStoreOptions = {}) {
    this.#clock = clock
    this.#random = random
  }

  async read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    return keys.map((key) => this.#find(key))
  }

  async write(key: TokenKey, token: Token): Promise<void> {
    this.#hold(key, token)
  }

  async claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    return this.#find(key) ?? this.#hold(key, newToken())
  }

  async touch(keys: readonly TokenKey[]): Promise<void> {
    for (const key of keys) {
      const token = this.#find(key)
      if (token !== null) this.#hold(key, token)
    }
  }

  /** The token at `key`; null when there is none, or it has ended. */
  #find(key: TokenKey): Token | null {
    const held = this.#held.get(key)
    if (held === undefined) return null
    if (this.#clock.now() < held.endsAt) return held.token
    this.#held.delete(key)
    return null
  }

  #hold(key: TokenKey, token: Token): Token {
    const lifetimeMs = tokenLifetimeMs(key, this.#random()) ?? Number.POSITIVE_INFINITY
    this.#held.set(key, { token, endsAt: this.#clock.now() + lifetimeMs })
    return token
  }
}
