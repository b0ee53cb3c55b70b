import type { Token, TokenKey, TokenStore } from '@tenantry/core'
import type { Authority } from './authority.ts'
import { settleRestarts } from './settle-restarts.ts'
import type { CommittedRestart } from './types.ts'
import { writeRestarts } from './write-restarts.ts'

export interface RestartWriterOptions {
  /** Stays yours to close. */
  readonly authority: Authority
  /** The store that the replicas read. It stays yours to close. */
  readonly tokens: TokenStore
}

export interface WrittenRestarts {
  /** False: the store has not confirmed all of them. They are committed, and {@link Reconciler} writes them. */
  readonly written: boolean
  /** What was written for each key. If `written` is false, what was attempted: another token will be written. */
  readonly tokens: ReadonlyMap<TokenKey, Token>
}

/** Writes restarts to the token store right after they have been committed. */
export class RestartWriter {
  readonly #authority: Authority
  readonly #tokens: TokenStore

  constructor({ authority, tokens }: RestartWriterOptions) {
    this.#authority = authority
    this.#tokens = tokens
  }

  /** Writes restarts in the order given, and notes that. Never rejects: what fails is left to {@link Reconciler}. */
  async write(restarts: readonly CommittedRestart[]): Promise<WrittenRestarts> {
    const { tokens, confirmed, failure } = await writeRestarts(this.#tokens, restarts)
    await this.#note(confirmed).catch(() => {})
    return { written: failure === undefined, tokens }
  }

  async #note(confirmed: readonly CommittedRestart[]): Promise<void> {
    if (confirmed.length === 0) return
    const markWritten = (restarts: readonly CommittedRestart[]): Promise<readonly CommittedRestart[]> =>
      this.#authority.markWritten(restarts)
    // Two restarts of one key that were committed one after the other may be written the other way round.
    await settleRestarts(await markWritten(confirmed), { tokens: this.#tokens, markWritten })
  }
}
