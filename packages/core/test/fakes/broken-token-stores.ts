import type { Token, TokenKey } from '../../src/token.ts'
import type { TokenAnswer } from '../../src/token-store.ts'
import { RemoteTokenStore } from './remote-wall.ts'

/** Takes what is no token for nothing. */
export class BlindTokenStore extends RemoteTokenStore {
  override async read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    const answers = await super.read(keys)
    return answers.map((answer) => (answer instanceof Error ? null : answer))
  }
}

/** Rejects the whole read because of one key. */
export class FragileTokenStore extends RemoteTokenStore {
  override async read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    const answers = await super.read(keys)
    for (const answer of answers) if (answer instanceof Error) throw answer
    return answers
  }
}

/** Claims by looking first and writing then. */
export class RacingTokenStore extends RemoteTokenStore {
  override async claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    const [answer] = await this.read([key])
    if (answer instanceof Error) throw answer
    if (typeof answer === 'string') return answer
    const token = newToken()
    await this.write(key, token)
    return token
  }
}

/** Claims by writing. */
export class UsurpingTokenStore extends RemoteTokenStore {
  override async claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    const token = newToken()
    await this.write(key, token)
    return token
  }
}

/** Extends a lifetime by writing what it has read once more. */
export class RewritingTokenStore extends RemoteTokenStore {
  override async touch(keys: readonly TokenKey[]): Promise<void> {
    const answers = await this.read(keys)
    await Promise.all(
      answers.map((answer, index) => typeof answer === 'string' && this.write(keys[index] ?? '', answer)),
    )
  }
}

/** Extends nothing. */
export class UntouchingTokenStore extends RemoteTokenStore {
  override async touch(): Promise<void> {
    if (this.isClosed) throw new Error('closed')
    await this.read(['some-key'])
  }
}

/** Answers from what it has read before. */
export class CachingTokenStore extends RemoteTokenStore {
  readonly #cached = new Map<TokenKey, TokenAnswer>()

  override async read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    const missing = keys.filter((key) => !this.#cached.has(key))
    const answers = await super.read(missing)
    missing.forEach((key, index) => {
      this.#cached.set(key, answers[index] ?? null)
    })
    return keys.map((key) => this.#cached.get(key) ?? null)
  }
}

/** Takes the empty string for nothing. */
export class FalsyTokenStore extends RemoteTokenStore {
  override async read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    return (await super.read(keys)).map((answer) => answer || null)
  }
}

/** Answers the last key first. */
export class BackwardTokenStore extends RemoteTokenStore {
  override async read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    return super.read(keys.toReversed())
  }
}

/** Cuts keys short, as Memcached would like them. */
export class CuttingTokenStore extends RemoteTokenStore {
  override read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    return super.read(keys.map((key) => key.slice(0, 250)))
  }

  override write(key: TokenKey, token: Token): Promise<void> {
    return super.write(key.slice(0, 250), token)
  }
}

/** Keeps every token for just seven days. */
export class UnspreadTokenStore extends RemoteTokenStore {
  override write(key: TokenKey, token: Token): Promise<void> {
    return this.ask(() => this.wall.set(key, token, 7 * 24 * 60 * 60 * 1000))
  }
}

/** Waits for as long as the server is silent. */
export class HangingTokenStore extends RemoteTokenStore {
  protected override async ask<T>(operation: () => Promise<T>): Promise<T> {
    if (this.isClosed) throw new Error('closed')
    return operation()
  }
}

/** Goes on after it was closed. */
export class UnclosableTokenStore extends RemoteTokenStore {
  override async close(): Promise<void> {}
}

/** Gives up for good when the server falls silent. */
export class DespairingTokenStore extends RemoteTokenStore {
  #despair: Error | undefined

  protected override async ask<T>(operation: () => Promise<T>): Promise<T> {
    this.wall.silent.then(() => {
      this.#despair = new Error('no answer')
    })
    if (this.#despair) throw this.#despair
    return super.ask(operation)
  }
}
