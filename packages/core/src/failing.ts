/** How many things that fail are told apart. */
const MAX_FAILING = 1000

/** Knows what is failing just now, so that a failure is told when it begins and when it ends, not each time. */
export class Failing {
  readonly #names = new Set<string>()

  get any(): boolean {
    return this.#names.size > 0
  }

  /** Whether this failure is the first of its kind. Beyond what can be told apart, none is. */
  begins(name: string): boolean {
    if (this.#names.has(name) || this.#names.size >= MAX_FAILING) return false
    this.#names.add(name)
    return true
  }

  /** Whether it had been failing. */
  ends(name: string): boolean {
    return this.#names.delete(name)
  }
}
