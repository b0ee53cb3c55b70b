import { LRUCache } from 'lru-cache'
import type { Clock } from './clock.ts'
import type { Token } from './token.ts'

/** The tokens that were read before the authority was asked. The last one, of `all-hosts`, is never absent. */
export type UnknownStamp = readonly [...(Token | null)[], Token]

/**
 * Remembers, for a short time and within bounds, what the authority has said that it does not know.
 *
 * Here alone an absent token may equal an absent one: whoever creates something writes `all-hosts`, which is part
 * of every such stamp and always present.
 */
export class Unknown {
  readonly #stamps: LRUCache<string, UnknownStamp>

  constructor(options: { max: number; forMs: number; clock: Clock }) {
    this.#stamps = new LRUCache({
      max: options.max,
      ttl: options.forMs,
      perf: options.clock,
      ttlResolution: 0,
    })
  }

  remember(name: string, stamp: UnknownStamp): void {
    this.#stamps.set(name, stamp)
  }

  /** Whether `name` was unknown a moment ago, under just these tokens. Undefined: a token that is not known. */
  knows(name: string, tokens: readonly (Token | null | undefined)[]): boolean {
    return this.#stamps.get(name)?.every((token, index) => token === tokens[index]) ?? false
  }
}
