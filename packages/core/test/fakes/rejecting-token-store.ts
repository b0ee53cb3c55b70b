import { MemoryTokenStore } from '../../src/memory-token-store.ts'
import type { Token, TokenKey } from '../../src/token.ts'

/** Rejects writes of certain keys, without having written anything. */
export class RejectingTokenStore extends MemoryTokenStore {
  /** The keys whose writes are rejected from now on. */
  readonly rejected: Set<TokenKey>

  constructor(...rejected: TokenKey[]) {
    super()
    this.rejected = new Set(rejected)
  }

  override async write(key: TokenKey, token: Token): Promise<void> {
    if (this.rejected.has(key)) throw new Error(`${key} cannot be written`)
    await super.write(key, token)
  }
}
