import type { Token, TokenKey } from './token.ts'

/**
 * What a store says of one key.
 *
 * - a string: the token (the empty string is one)
 * - `null`: absent; the store is sure that there is none
 * - an `Error`: failed; the store cannot say (its server is down, or the key holds something else than a token)
 */
export type TokenAnswer = Token | null | Error

/**
 * The wall: the one place where tokens are kept, and which all replicas and the tenant manager can reach.
 *
 * What every store must promise; `@tenantry/core/store-suite` tests it:
 *
 * - `read` sees every write that resolved before it began. It asks primaries only, and nothing is cached.
 * - A key that holds something else than a token is failed, not absent. A failed key fails alone.
 * - No value is sent twice: not by a retry, a resend or a reconnect. A write whose outcome is unknown rejects,
 *   and whoever wants it must write a new value.
 * - `touch` sets lifetimes anew and never writes a value.
 * - Every operation ends by itself: while the store's server is silent, it rejects before long.
 * - Tenants' tokens live as long as `tokenLifetimeMs(key)` says; those of `all` and `all-hosts` do not expire.
 */
export interface TokenStore {
  /**
   * Reads the tokens of `keys`.
   *
   * @returns one answer for each key, in the order of `keys`. No snapshot across keys is promised.
   * @throws when none of the keys could be read, whatever the reason
   */
  read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]>

  /** Writes `token`, replacing what is there, token or not. Resolves when every later `read`, by anyone, sees it. */
  write(key: TokenKey, token: Token): Promise<void>

  /**
   * Initialises an absent key: adds a token if there is none, otherwise reads the one that is there.
   *
   * @param newToken makes the token to add; called again for every attempt, since no value is sent twice
   * @returns the token that holds now, whoever wrote it
   * @throws when the key is still absent after three rounds, or could not be read or written
   */
  claim(key: TokenKey, newToken: () => Token): Promise<Token>

  /**
   * Gives the tokens at `keys` their lifetime anew. Absent keys stay absent, and those of `all` and `all-hosts` do not
   * expire.
   */
  touch(keys: readonly TokenKey[]): Promise<void>

  /** Lets go of connections. Called by whoever opened the store; operations under way may reject. */
  close?(): Promise<void> | void
}

/** How often `claim` tries before it gives a key up: each round can only fail if the key vanished in its middle. */
const CLAIM_ROUNDS = 3

/** What {@link claimToken} needs of a store. */
export interface ClaimSteps {
  /** Adds `token` if the key is absent; resolves to whether it did. */
  add(key: TokenKey, token: Token): Promise<boolean>
  /** Reads one key. */
  read(key: TokenKey): Promise<TokenAnswer>
}

/** `TokenStore.claim` in terms of add-if-absent and read, for the authors of stores. */
export async function claimToken(key: TokenKey, newToken: () => Token, steps: ClaimSteps): Promise<Token> {
  for (let round = 0; round < CLAIM_ROUNDS; round += 1) {
    const token = newToken()
    if (await steps.add(key, token)) return token
    const answer = await steps.read(key)
    if (answer instanceof Error) throw answer
    if (answer !== null) return answer
  }
  throw new Error(
    `The token key ${key} was present when a token was added and absent when it was read, ${CLAIM_ROUNDS} times`,
  )
}
