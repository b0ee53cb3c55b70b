import { eventually, type StartedProcess } from '@tenantry/testing'

/** Several start at once, on machines with few cores. */
const TIMEOUT_MS = 60_000

/**
 * Waits until a process that was started does what it is for. While `isUp` throws, it is not up.
 *
 * @throws when it ends before, or is not up within a minute; the message holds its output. It is not left running.
 */
export async function untilUp(started: StartedProcess, isUp: () => Promise<boolean>): Promise<void> {
  let hasEnded = false
  void started.exit.then(() => {
    hasEnded = true
  })
  const failed = (what: string, cause?: unknown) =>
    new Error([`${started.child.spawnargs.join(' ')} ${what}`, ...started.lines].join('\n  '), { cause })
  try {
    await eventually(async () => hasEnded || (await isUp()), { timeoutMs: TIMEOUT_MS, intervalMs: 20 })
  } catch (error) {
    await started.stop('SIGKILL')
    throw failed(`was not up within ${TIMEOUT_MS} ms`, error)
  }
  if (hasEnded) throw failed(`ended with ${await started.exit} before it was up`)
}
