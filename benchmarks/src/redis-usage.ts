import type { RedisServer } from '@tenantry/testing'

/** What a Redis has done since it was started. */
export interface RedisUsage {
  readonly commands: number
  /** CPU time, in microseconds. */
  readonly cpuUs: number
}

export async function redisUsage(redis: RedisServer): Promise<RedisUsage> {
  return parseUsage(await redis.cli('INFO', 'all'))
}

/** Reads it off the reply to `INFO`; the question itself does not count. */
export function parseUsage(info: string): RedisUsage {
  const calls = info.matchAll(/^cmdstat_(?!info:|quit:)[^:]+:calls=(\d+)/gm)
  const seconds = info.matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm)
  return { commands: sum(calls), cpuUs: sum(seconds) * 1e6 }
}

function sum(matches: Iterable<RegExpMatchArray>): number {
  return Array.from(matches, ([, number]) => Number(number)).reduce((total, number) => total + number, 0)
}
