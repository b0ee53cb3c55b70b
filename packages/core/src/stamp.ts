import type { Reading } from './reading.ts'
import { ALL, type Token, type TokenKey } from './token.ts'

/** A token, and when it was asked for. */
export interface Stamped {
  readonly token: Token
  /** Its place among all reads and claims of this replica: of two, the one asked for later knows more. */
  readonly order: number
  /** When it was asked for, in milliseconds on the monotonic clock. */
  readonly at: number
}

/** The tokens that a tenant was built under: its own, and the one that speaks for all tenants. */
export interface Stamp {
  readonly tenant: Stamped
  readonly all: Stamped
}

/** The tokens that a check found. `null`: absent. */
export interface Tokens {
  readonly tenant: Token | null
  readonly all: Token | null
}

/** What a reading says of a tenant's keys. Undefined: at least one of the two was not answered. */
export function tokensIn(reading: Reading, key: TokenKey): Tokens | undefined {
  const tenant = reading.answer(key)
  const all = reading.answer(ALL)
  return tenant === undefined || all === undefined ? undefined : { tenant, all }
}

/** Whether a stamp bears just these tokens. An absent token equals nothing, so a stamp never bears it. */
export function bears(stamp: Stamp, tokens: Tokens): boolean {
  return stamp.tenant.token === tokens.tenant && stamp.all.token === tokens.all
}

/** Whether a reading has found just the tokens of a stamp. Neither absent nor failed equals a token. */
export function stands(stamp: Stamp, reading: Reading, key: TokenKey): boolean {
  return reading.answer(key) === stamp.tenant.token && reading.answer(ALL) === stamp.all.token
}

/**
 * Whether a reading outdates what was stamped so: it was asked for later, and found another token or none. One
 * key that differs is enough, whatever became of the other.
 */
export function outdates(reading: Reading, stamp: Stamp, key: TokenKey): boolean {
  return differs(reading, stamp.tenant, key) || differs(reading, stamp.all, ALL)
}

function differs(reading: Reading, stamped: Stamped, key: TokenKey): boolean {
  const answer = reading.answer(key)
  return answer !== undefined && answer !== stamped.token && reading.order > stamped.order
}
