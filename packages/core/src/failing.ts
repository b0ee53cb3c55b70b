import { LRUCache } from 'lru-cache'

/** How many things that fail are told apart. */
const MAX_FAILING = 1000

/** Knows what is failing just now, so that a failure is told when it begins and when it ends, not each time. */
export class Failing {
  readonly #names = new LRUCache<string, true>({ max: MAX_FAILING })

  get any(): boolean {
    return this.#names.size > 0
  }

  /** Notes a failure; whether it has just begun. */
  begins(name: string): boolean {
    if (this.#names.get(name) !== undefined) return false
    this.#names.set(name, true)
    return true
  }

  /** Notes that all is well; whether that is a change. */
  ends(name: string): boolean {
    return this.#names.delete(name)
  }
}
