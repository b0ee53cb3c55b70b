import { setImmediate } from 'node:timers/promises'
import type { Token, TokenKey } from '../../src/token.ts'
import type { TokenAnswer, TokenStore } from '../../src/token-store.ts'

/** Notes every write that another store is asked for, and when each begins and ends. */
export class RecordingTokenStore implements TokenStore {
  /** Keys and tokens, in the order in which the writes began. */
  readonly writes: [key: TokenKey, token: Token][] = []
  /** `> key` when a write begins, `< key` when it ends, `! key` when it rejects. */
  readonly log: string[] = []
  readonly #store: TokenStore

  constructor(store: TokenStore) {
    this.#store = store
  }

  async write(key: TokenKey, token: Token): Promise<void> {
    this.writes.push([key, token])
    this.log.push(`> ${key}`)
    try {
      // A turn of the event loop: whatever does not wait for this write begins before it ends.
      await setImmediate()
      await this.#store.write(key, token)
      this.log.push(`< ${key}`)
    } catch (error) {
      this.log.push(`! ${key}`)
      throw error
    }
  }

  read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    return this.#store.read(keys)
  }

  claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    return this.#store.claim(key, newToken)
  }

  touch(keys: readonly TokenKey[]): Promise<void> {
    return this.#store.touch(keys)
  }
}
