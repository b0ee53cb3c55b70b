import type { Token, TokenKey } from '@tenantry/core'

/** A restart that has resolved: its manager was told that the store has all of its tokens. */
export interface Announcement {
  /** When what it tells of was committed. */
  readonly committed: number
  /** The tenants that were changed by that. */
  readonly ids: readonly string[]
  readonly tokens: ReadonlyMap<TokenKey, Token>
  readonly resolved: number
}
