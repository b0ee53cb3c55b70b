/**
 * `@tenantry/core/store-suite`: what every token store must promise, as tests for any test runner.
 *
 * Nothing reachable from here imports a test runner; assertions are Node's own.
 */
import { Bench } from './store-suite/bench.ts'
import { testFailures } from './store-suite/failures.ts'
import { testLifetimes } from './store-suite/lifetimes.ts'
import { testTokens } from './store-suite/tokens.ts'
import type { TokenKey } from './token.ts'
import type { TokenStore } from './token-store.ts'

/** How the suite reaches the store under test, and its server behind the store's back. */
export interface StoreSuiteOptions {
  /** Declares one test: `test` of `node:test`, Vitest or Jest, `t.test` of tap. Tests must run one by one. */
  test: (name: string, run: () => Promise<void>) => unknown

  /**
   * Opens a client of the wall. Called twice for every test: what one client writes, the other must see. The suite
   * closes them. A store that has nothing to close may be returned again and again.
   */
  create: () => TokenStore | Promise<TokenStore>

  /** Puts something that is not a token at `key`. Left out where the wall can hold nothing else. */
  putForeign?: (key: TokenKey) => unknown

  /** Makes the tokens at `keys` older by `ms` milliseconds. Left out: it is not tested that tokens end. */
  age?: (keys: readonly TokenKey[], ms: number) => unknown

  /**
   * How long the tokens at `keys` have yet to live, in milliseconds; undefined: they do not expire. It is asked last
   * in its test, and may use the tokens up. Left out: it is not tested how long tokens live.
   */
  lifetimesOf?: (keys: readonly TokenKey[]) => Promise<readonly (number | undefined)[]>

  /**
   * Makes the server silent while its connections stay open (SIGSTOP, say), and returns what makes it go on. Left
   * out: it is not tested that operations end by themselves.
   */
  silence?: () => (() => unknown) | Promise<() => unknown>

  /** How long an operation may take while the server is silent, in milliseconds. @default 5000 */
  operationLimitMs?: number
}

/**
 * Declares the tests of the {@link TokenStore} contract. The wall need not be empty, but nobody else may write `all`
 * and `all-hosts` meanwhile.
 *
 * @example
 * import test from 'node:test'
 * import { storeSuite } from '@tenantry/core/store-suite'
 *
 * storeSuite({ test, create: () => new MyTokenStore() })
 */
export function storeSuite(options: StoreSuiteOptions): void {
  const bench = new Bench(options)
  testTokens(bench)
  testLifetimes(bench, options)
  testFailures(bench, options)
}
