import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/** Whether `operation` was answered or rejected; fails if it has not ended in time. */
export async function ends(
  name: string,
  operation: unknown,
  limitMs: number,
): Promise<'fulfilled' | 'rejected'> {
  const ended = new AbortController()
  const settled = Promise.allSettled([operation]).then(([{ status }]) => status)
  const limit = sleep(limitMs, undefined, { signal: ended.signal }).then(
    () => assert.fail(`${name} did not end by itself`),
    () => settled,
  )
  return Promise.race([settled, limit]).finally(() => ended.abort())
}
