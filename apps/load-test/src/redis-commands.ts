import { Redis } from 'ioredis'
import type { Cost } from './results.ts'

/** How often each command has been called, since Redis was started. */
export type RedisCommands = ReadonlyMap<string, number>

const TIMEOUT_MS = 5000

/** Asks Redis for its counters, on a connection for this alone. Rejects when it does not answer. */
export async function readRedisCommands(url: string): Promise<RedisCommands> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    retryStrategy: null,
  })
  // Whoever waits for the command hears of it.
  redis.on('error', () => {})
  try {
    const info = await redis.info('commandstats')
    const lines = info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)
    return new Map([...lines].map(([, command = '', calls]) => [command, Number(calls)]))
  } finally {
    redis.disconnect()
  }
}

/** What the results tell of it. */
export function redisCostOf(before: RedisCommands, after: RedisCommands, requests: number): Partial<Cost> {
  const redisCommands: { command: string; calls: number }[] = []
  let total = 0
  for (const [command, count] of after) {
    const earlier = before.get(command) ?? 0
    // Fewer than before: Redis has been started anew.
    const calls = count >= earlier ? count - earlier : count
    if (calls === 0) continue
    total += calls
    redisCommands.push({ command, calls })
  }
  redisCommands.sort((one, other) => other.calls - one.calls)
  return { redisCommands, ...(requests > 0 && { redisPer100Requests: (100 * total) / requests }) }
}
