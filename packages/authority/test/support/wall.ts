import { setImmediate } from 'node:timers/promises'
import type { Token, TokenAnswer, TokenKey, TokenStore } from '@tenantry/core'

/** A token store that notes what is written to another one, and fails or waits when told to. */
export class Wall implements TokenStore {
  /** Every value that was ever sent. */
  readonly values: Token[] = []
  /** `>` and a key when its write begins, `<` when it has been done. */
  readonly log: string[] = []
  /** Whose writes are refused. */
  refuses: (key: TokenKey) => boolean = () => false
  /** What a write, or a read, waits for before it is done. */
  before: (operation: 'read' | 'write', keys: readonly TokenKey[]) => Promise<void> = async () => {}
  readonly #store: TokenStore

  constructor(store: TokenStore) {
    this.#store = store
  }

  async read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    await this.before('read', keys)
    return await this.#store.read(keys)
  }

  async write(key: TokenKey, token: Token): Promise<void> {
    this.values.push(token)
    this.log.push(`> ${key}`)
    await this.before('write', [key])
    // Whoever does not wait for this write begins his own before it ends.
    await setImmediate()
    if (this.refuses(key)) throw new Error(`No write to ${key}`)
    await this.#store.write(key, token)
    this.log.push(`< ${key}`)
  }

  claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    return this.#store.claim(key, newToken)
  }

  touch(keys: readonly TokenKey[]): Promise<void> {
    return this.#store.touch(keys)
  }

  /** Writes behind everybody's back. */
  async put(key: TokenKey, token: Token): Promise<void> {
    await this.#store.write(key, token)
  }

  /** The token at a key; an Error where there is something else. */
  async at(key: TokenKey): Promise<TokenAnswer> {
    const [answer] = await this.#store.read([key])
    return answer as TokenAnswer
  }
}
