import type { StoreSuiteOptions } from '../store-suite.ts'
import { newToken, type TokenKey, tenantKey } from '../token.ts'
import type { TokenStore } from '../token-store.ts'
import { ends } from './ends.ts'

/** Where stores are put to the test: two clients of one wall for each test, and time limits. */
export class Bench {
  readonly #options: StoreSuiteOptions
  /** How long an operation may take while the server is silent. */
  readonly operationLimitMs: number

  constructor(options: StoreSuiteOptions) {
    this.#options = options
    this.operationLimitMs = options.operationLimitMs ?? 5000
  }

  /** Declares a test on two clients of one wall. */
  test(name: string, run: (store: TokenStore, another: TokenStore) => Promise<void>): void {
    this.#options.test(name, async () => {
      const store = await this.#options.create()
      const another = await this.#options.create()
      try {
        await run(store, another)
      } finally {
        await store.close?.()
        await another.close?.()
      }
    })
  }

  /** Whether `operation` was answered or rejected; fails if it has not ended in time. */
  ends(name: string, operation: unknown): Promise<'fulfilled' | 'rejected'> {
    return ends(name, operation, this.operationLimitMs)
  }

  /** What becomes of every operation, begun at once. */
  everyOperation(store: TokenStore): Promise<('fulfilled' | 'rejected')[]> {
    const key = freshKey()
    return Promise.all([
      this.ends('read', store.read([key])),
      this.ends('write', store.write(key, newToken())),
      this.ends('claim', store.claim(key, newToken)),
      this.ends('touch', store.touch([key])),
    ])
  }
}

/** A key that nobody has used before. */
export function freshKey(): TokenKey {
  return tenantKey(`suite-${newToken()}`)
}

export function freshKeys(count: number): TokenKey[] {
  return Array.from({ length: count }, freshKey)
}

/** Runs `run` for all keys at once. */
export async function each(
  keys: readonly TokenKey[],
  run: (key: TokenKey, index: number) => Promise<unknown>,
): Promise<void> {
  await Promise.all(keys.map(run))
}
