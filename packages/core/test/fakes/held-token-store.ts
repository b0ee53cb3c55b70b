import type { Token, TokenKey } from '../../src/token.ts'
import type { TokenAnswer, TokenStore } from '../../src/token-store.ts'

/** One operation that was asked of the store and waits for its answer. */
export interface HeldOperation {
  readonly kind: 'read' | 'claim' | 'touch'
  readonly keys: readonly TokenKey[]
  /** Carries it out now, on the tokens as they are now; the answer is kept back. */
  perform(): this
  /** Gives the answer (carrying it out first, if that was not done). */
  answer(): void
  fail(error: Error): void
}

/**
 * A store whose every read, claim and touch waits until the test carries it out and answers it, in any order and as
 * late as it likes. `tokens` is what is on the wall.
 */
export class HeldTokenStore implements TokenStore {
  readonly tokens: Map<TokenKey, Token | Error>
  /** Operations that wait for their answers, oldest first. */
  readonly held: HeldOperation[] = []
  /** While true, nothing is held: every operation is answered by itself. */
  open = false
  closed = false

  constructor(tokens: Record<TokenKey, Token | Error> = {}) {
    this.tokens = new Map(Object.entries(tokens))
  }

  read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    return this.#hold('read', keys, () => keys.map((key) => this.tokens.get(key) ?? null))
  }

  async write(key: TokenKey, token: Token): Promise<void> {
    this.tokens.set(key, token)
  }

  claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    return this.#hold('claim', [key], () => {
      const present = this.tokens.get(key) ?? newToken()
      if (present instanceof Error) throw present
      this.tokens.set(key, present)
      return present
    })
  }

  touch(keys: readonly TokenKey[]): Promise<void> {
    return this.#hold('touch', keys, () => {})
  }

  async close(): Promise<void> {
    this.closed = true
  }

  /** The oldest operation that waits. */
  next(kind: HeldOperation['kind'] = 'read'): HeldOperation {
    const index = this.held.findIndex((operation) => operation.kind === kind)
    const [operation] = index === -1 ? [] : this.held.splice(index, 1)
    if (operation === undefined) throw new Error(`Expected a ${kind} to be under way, got ${this.#names()}`)
    return operation
  }

  /** From now on operations are answered by themselves, and so are those that wait. */
  letGo(): void {
    this.open = true
    for (const operation of this.held.splice(0)) operation.answer()
  }

  #names(): string {
    return this.held.map(({ kind, keys }) => `${kind} ${keys.join(' ')}`).join(', ') || 'none'
  }

  #hold<T>(kind: HeldOperation['kind'], keys: readonly TokenKey[], carryOut: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let outcome: (() => void) | undefined
      const operation: HeldOperation = {
        kind,
        keys: [...keys],
        perform() {
          try {
            const result = carryOut()
            outcome = () => resolve(result)
          } catch (error) {
            outcome = () => reject(error)
          }
          return operation
        },
        answer() {
          if (outcome === undefined) operation.perform()
          outcome?.()
        },
        fail: reject,
      }
      if (this.open) operation.answer()
      else this.held.push(operation)
    })
  }
}
