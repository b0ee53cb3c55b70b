import type { Token, TokenKey } from './token.ts'
import type { TokenAnswer } from './token-store.ts'

/** One read of the store, shared by all checks that were asked for in one turn of the event loop. */
export class Reading {
  /** Its place among all reads and claims of this replica; given when the read is sent. */
  order = 0
  /** When it was sent, in milliseconds on the monotonic clock. */
  at = 0
  /** Resolves when the answers are there, or when nobody shall wait for them any longer. Never rejects. */
  readonly settled: Promise<void>
  /** Ends the wait. */
  readonly settle: () => void
  /** Whether any of its keys has failed. */
  failed = false
  readonly #answers = new Map<TokenKey, TokenAnswer | undefined>()

  constructor() {
    let settle!: () => void
    this.settled = new Promise((resolve) => {
      settle = resolve
    })
    this.settle = settle
  }

  add(key: TokenKey): void {
    this.#answers.set(key, undefined)
  }

  /** The distinct keys to read. */
  keys(): TokenKey[] {
    return [...this.#answers.keys()]
  }

  /** Takes the store's answers in, in the order of `keys()`. A key without an answer has failed. */
  fill(answers: readonly TokenAnswer[]): void {
    let index = 0
    for (const key of this.#answers.keys()) {
      const answer = answers[index] ?? missing(answers, index)
      this.#answers.set(key, answer)
      this.failed ||= answer instanceof Error
      index += 1
    }
  }

  /** What was found at a key. `null`: absent. Undefined: nothing was asked, it failed, or no answer is there (yet). */
  answer(key: TokenKey): Token | null | undefined {
    const answer = this.#answers.get(key)
    // Nearly every answer is a token: told without a look at its prototypes.
    if (typeof answer === 'string') return answer
    return answer instanceof Error ? undefined : answer
  }

  /** Why a key failed; undefined if it did not. */
  failure(key: TokenKey): Error | undefined {
    const answer = this.#answers.get(key)
    return answer instanceof Error ? answer : undefined
  }
}

/** `null` is an answer, `undefined` is a store that does not keep its contract. */
function missing(answers: readonly TokenAnswer[], index: number): null | Error {
  return answers[index] === null ? null : new Error('The token store gave no answer for this key')
}
