import { once } from 'node:events'

/** Waits for `work`, but no longer than until `signal` fires: then it rejects with the signal's reason. */
export async function untilAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work()
  signal.throwIfAborted()
  const listening = new AbortController()
  const aborted = once(signal, 'abort', { signal: listening.signal }).then(() => {
    throw signal.reason
  })
  try {
    return await Promise.race([work(), aborted])
  } finally {
    listening.abort()
    aborted.catch(() => {})
  }
}
