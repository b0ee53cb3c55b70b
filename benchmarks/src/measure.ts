import type { RedisServer } from '@tenantry/testing'
import type { Outcome } from './load.ts'
import { type RedisUsage, redisUsage } from './redis-usage.ts'
import type { StartedServer } from './started-server.ts'
import { percentile } from './statistics.ts'

/** What one run of one subject gave. */
export interface Sample {
  /** Microseconds of the server's CPU time per request. */
  readonly cpuUs: number
  readonly requestsPerSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** For 100 requests. */
  readonly redisCommands: number
  /** Microseconds of Redis's CPU time per request. */
  readonly redisCpuUs: number
}

/** What has been used up by some moment. */
export interface Usage {
  readonly serverCpuUs: number
  readonly redis: RedisUsage
}

/** Puts a load on a server and sees what it took. */
export async function measure(
  server: StartedServer,
  redis: RedisServer,
  load: () => Promise<Outcome>,
): Promise<Sample> {
  const usage = async () => ({ serverCpuUs: await server.ask('cpuUs'), redis: await redisUsage(redis) })
  const before = await usage()
  const outcome = await load()
  return sampleOf(outcome, before, await usage())
}

export function sampleOf({ latencies, tookMs }: Outcome, before: Usage, after: Usage): Sample {
  const requests = latencies.length
  return {
    cpuUs: (after.serverCpuUs - before.serverCpuUs) / requests,
    requestsPerSecond: (requests / tookMs) * 1000,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    redisCommands: ((after.redis.commands - before.redis.commands) / requests) * 100,
    redisCpuUs: (after.redis.cpuUs - before.redis.cpuUs) / requests,
  }
}
