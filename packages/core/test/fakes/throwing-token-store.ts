import { MemoryTokenStore } from '../../src/memory-token-store.ts'

/** While `broken`, throws before there is a promise to reject: like a client whose connection is gone. */
export class ThrowingTokenStore extends MemoryTokenStore {
  broken = true
  /** How many operations were asked of it. */
  asked = 0

  override read(...[keys]: Parameters<MemoryTokenStore['read']>) {
    this.#refuse()
    return super.read(keys)
  }

  override claim(...[key, newToken]: Parameters<MemoryTokenStore['claim']>) {
    this.#refuse()
    return super.claim(key, newToken)
  }

  override touch(...[keys]: Parameters<MemoryTokenStore['touch']>) {
    this.#refuse()
    return super.touch(keys)
  }

  #refuse(): void {
    this.asked += 1
    if (this.broken) throw new Error('no connection')
  }
}
