import assert from 'node:assert/strict'
import type { StoreSuiteOptions } from '../store-suite.ts'
import { ALL, ALL_HOSTS, newToken, TOKEN_LIFETIME_MS } from '../token.ts'
import { type Bench, each, freshKey, freshKeys } from './bench.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** What a lifetime may lose between writing a token and asking for it. */
const SLACK_MS = 60_000

/** How long tokens live, as far as the test may look or turn the clock. */
export function testLifetimes(bench: Bench, { age, lifetimesOf }: StoreSuiteOptions): void {
  if (age !== undefined) {
    bench.test('a tenant’s token ends, unless it is touched', async (store) => {
      const [touched, untouched] = [freshKey(), freshKey()]
      const keys = [touched, untouched]
      await each(keys, (key) => store.write(key, key))
      await age(keys, 6 * DAY_MS)
      assert.deepEqual(await store.read(keys), [touched, untouched])
      await store.touch([touched])
      await age(keys, 6 * DAY_MS)
      assert.deepEqual(await store.read(keys), [touched, null])
      await store.touch(keys)
      assert.deepEqual(await store.read(keys), [touched, null])
    })

    bench.test('a token that has ended is claimed anew', async (store, another) => {
      const key = freshKey()
      const first = await store.claim(key, newToken)
      await age([key], 8 * DAY_MS)
      const second = await another.claim(key, newToken)
      assert.notEqual(second, first)
      assert.equal(await store.claim(key, newToken), second)
    })

    bench.test('the tokens of all and all-hosts do not end, touched or not', async (store) => {
      const keys = [ALL, ALL_HOSTS]
      await each(keys, (key) => store.write(key, key))
      for (let round = 0; round < 2; round += 1) {
        await age(keys, 100 * DAY_MS)
        assert.deepEqual(await store.read(keys), keys)
        await store.touch(keys)
      }
    })
  }

  if (lifetimesOf !== undefined) {
    bench.test('tenants’ tokens live 7 days, spread by 10 %', async (store) => {
      const [written, claimed, touched] = [freshKeys(40), freshKeys(40), freshKeys(40)]
      await each([...written, ...touched, ALL], (key) => store.write(key, newToken()))
      await each(claimed, (key) => store.claim(key, newToken))
      await store.touch([...touched, ALL])
      const [ofAll, ...lifetimes] = await lifetimesOf([ALL, ...written, ...claimed, ...touched])
      assert.equal(ofAll, undefined, 'the token of all does not expire')
      for (const first of [0, 40, 80]) {
        const group = lifetimes
          .slice(first, first + 40)
          .map((lifetime) => lifetime ?? Number.POSITIVE_INFINITY)
        const [shortest, longest] = [Math.min(...group), Math.max(...group)]
        assert.ok(shortest > 0.9 * TOKEN_LIFETIME_MS - SLACK_MS, `${shortest} ms is too short`)
        assert.ok(longest < 1.1 * TOKEN_LIFETIME_MS + SLACK_MS, `${longest} ms is too long`)
        assert.ok(longest - shortest > 0.1 * TOKEN_LIFETIME_MS, 'tokens written together end together')
      }
    })
  }
}
