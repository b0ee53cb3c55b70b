import { setTimeout as sleep } from 'node:timers/promises'

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>

/**
 * Waits until `condition` holds: polls it until it returns something truthy, and returns that.
 *
 * A condition that throws does not hold yet.
 *
 * @param options.timeoutMs how long to wait. @default 5000
 * @param options.intervalMs how long to rest between two looks. @default 10
 * @throws at the deadline; what the condition threw last is the cause
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 5000, intervalMs = 10 }: { timeoutMs?: number; intervalMs?: number } = {},
): Promise<Truthy<T>> {
  const deadline = performance.now() + timeoutMs
  let cause: unknown
  do {
    try {
      const result = await condition()
      if (result) return result as Truthy<T>
      cause = undefined
    } catch (error) {
      cause = error
    }
    await sleep(intervalMs)
  } while (performance.now() < deadline)
  throw new Error(`The condition did not hold within ${timeoutMs} ms: ${condition}`, { cause })
}
