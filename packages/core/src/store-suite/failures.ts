import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StoreSuiteOptions } from '../store-suite.ts'
import { newToken } from '../token.ts'
import { type Bench, freshKey } from './bench.ts'

const EVERY_OPERATION_REJECTED = Array(4).fill('rejected')

/** What happens when a key cannot be read, the server is silent, or the store is closed. */
export function testFailures(bench: Bench, { putForeign, silence }: StoreSuiteOptions): void {
  if (putForeign !== undefined) {
    bench.test('a key that holds something else than a token fails, alone', async (store) => {
      const [before, foreign, absent, after] = [freshKey(), freshKey(), freshKey(), freshKey()]
      await store.write(before, 'before')
      await store.write(after, 'after')
      await putForeign(foreign)
      const answers = await store.read([before, foreign, absent, after])
      assert.ok(answers[1] instanceof Error, `something else than a token is failed, not ${answers[1]}`)
      assert.deepEqual(answers.toSpliced(1, 1), ['before', null, 'after'])
    })

    bench.test('a claim leaves alone what is no token; a write replaces it', async (store, another) => {
      const key = freshKey()
      await putForeign(key)
      await assert.rejects(store.claim(key, newToken))
      const [answer] = await another.read([key])
      assert.ok(answer instanceof Error, 'what was no token is still there')
      await store.write(key, 'token')
      assert.deepEqual(await another.read([key]), ['token'])
    })
  }

  if (silence !== undefined) {
    bench.test('every operation rejects by itself while the server is silent', async (store, another) => {
      const key = freshKey()
      await store.read([key])
      await another.read([key])
      const goOn = await silence()
      try {
        assert.deepEqual(await bench.everyOperation(store), EVERY_OPERATION_REJECTED)
        await bench.ends('close', another.close?.())
      } finally {
        await goOn()
      }
      const deadline = performance.now() + bench.operationLimitMs
      while ((await bench.ends('read', store.read([key]))) === 'rejected') {
        assert.ok(performance.now() < deadline, 'the server goes on, but nothing is read')
        await sleep(10)
      }
      await store.write(key, 'after')
      assert.deepEqual(await store.read([key]), ['after'])
    })
  }

  bench.test('a closed store rejects every operation', async (store) => {
    if (store.close === undefined) return
    await store.close()
    await store.close()
    assert.deepEqual(await bench.everyOperation(store), EVERY_OPERATION_REJECTED)
  })
}
