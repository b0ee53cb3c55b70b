import type { Token, TokenAnswer, TokenKey, TokenStore } from '@tenantry/core'

/** Says of each key forever what it said first: whoever compares with it finds everything unchanged. */
export class FrozenTokenStore implements TokenStore {
  readonly #store: TokenStore
  readonly #first = new Map<TokenKey, Token>()

  constructor(store: TokenStore) {
    this.#store = store
  }

  async read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    const answers = await this.#store.read(keys)
    return keys.map((key, at) => {
      const answer = answers[at] ?? null
      if (typeof answer === 'string' && !this.#first.has(key)) this.#first.set(key, answer)
      return this.#first.get(key) ?? answer
    })
  }

  write(key: TokenKey, token: Token): Promise<void> {
    return this.#store.write(key, token)
  }

  claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    return this.#store.claim(key, newToken)
  }

  touch(keys: readonly TokenKey[]): Promise<void> {
    return this.#store.touch(keys)
  }

  close(): Promise<void> | void {
    return this.#store.close?.()
  }
}
