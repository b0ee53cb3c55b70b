import type { Convergence, Disturbance, Finding, Moment, Results } from '../../src/results.ts'

export interface SampleOptions {
  readonly seed?: number
  readonly seconds?: number
  readonly disturbances?: readonly Disturbance[]
}

/** Results as a run brings them; the same for the same options. What a test is about, it sets itself. */
export function sampleResults(
  { seed = 1, seconds = 60, disturbances = [] }: SampleOptions = {},
  changes: Partial<Results> = {},
): Results {
  const random = randomFrom(seed)
  const timeline = Array.from({ length: seconds }, (_, index) => momentOf(index + 1, disturbances, random))
  const sum = (key: 'requests' | 'failed' | 'restarts' | 'allowedOld') =>
    timeline.reduce((total, moment) => total + moment[key], 0)
  const requests = sum('requests')
  const restarts = sum('restarts')
  const histogram = histogramOf(restarts)

  return {
    format: 1,
    startedAt: '2026-11-22T19:26:00.000Z',
    command: `node apps/load-test/dist/main.js --seconds ${seconds}`,
    machine: { node: 'v20.20.2', cpus: 2, cpuModel: 'Intel(R) Xeon(R) Processor', platform: 'linux x64' },
    scene: '4 replicas behind HAProxy, processes on this machine',
    settings: { connections: 64, tenants: 100, seconds, restartEveryMs: 100, maxAgeMs: 0 },
    seconds: seconds + 0.04,
    requests,
    requestsPerSecond: requests / seconds,
    latency: { mean: 3.41, p50: 3.1, p90: 4.9, p99: 9.2, p999: 19.7, max: 141.3 },
    verdicts: { stale: 0, failed: sum('failed'), torn: 0, wrong: 0 },
    failures: { byKill: sum('failed'), byOutage: 0, unexplained: 0 },
    allowed: {
      duringOutage: sum('allowedOld'),
      unchecked: 0,
      withinMaxAge: 0,
      claimed: 0,
      oldestOutageMs: sum('allowedOld') > 0 ? 2874.2 : 0,
      oldestUncheckedMs: 0,
      oldestWithinMaxAgeMs: 0,
    },
    findings: [],
    restarts: { plain: Math.ceil(restarts / 2), changes: Math.floor(restarts / 2), pending: 0, failed: 0 },
    convergence: {
      first: { count: restarts, p50: 2.8, p99: 11.4, max: 38.2 },
      last: { count: restarts, p50: 21.6, p99: 64.9, max: 131.8 },
      open: 0,
      histogram,
    },
    cost: {
      builds: restarts * 4 + 400,
      loads: restarts * 4 + 400,
      lookups: 104,
      redisPer100Requests: 13.7,
      redisCommands: [
        { command: 'mget', calls: Math.round(requests * 0.134) },
        { command: 'hset', calls: 1_204 },
        { command: 'set', calls: restarts },
        { command: 'exec', calls: 360 },
        { command: 'info', calls: 2 },
      ],
      replicaCpuUs: 91.4,
      replicas: [1, 2, 3, 4].map((number) => ({
        name: `replica-${number}`,
        answers: Math.round(requests / 4) + number,
      })),
    },
    timeline,
    disturbances,
    notDone: [],
    ...changes,
  }
}

/** One of each kind, in a run of a minute. */
export const EVERY_DISTURBANCE: readonly Disturbance[] = [
  { kind: 'add', from: 8.1, to: 9.4, subject: 'replica-5' },
  { kind: 'add', from: 9.6, to: 10.9, subject: 'replica-6' },
  { kind: 'remove', from: 20.2, to: 20.9, subject: 'replica-1' },
  { kind: 'kill', from: 32, to: 32.1, subject: 'replica-2' },
  { kind: 'outage', from: 44.3, to: 48.8 },
]

/** What is found when tokens are not compared. */
export function brokenResults(changes: Partial<Results> = {}): Results {
  const sample = sampleResults({ seed: 3, seconds: 30 })
  const findings: Finding[] = Array.from({ length: 12 }, (_, index) => ({
    at: 1.2 + index * 0.7,
    kind: index === 4 ? 'torn' : 'stale',
    tenant: `load-${String(index + 1).padStart(4, '0')}`,
    replica: `replica-${1 + (index % 4)}`,
    message: `sequence 4 or a later one was expected, since its restart resolved 212 ms before the request was sent, but 3 came`,
  }))
  const timeline = sample.timeline.map((moment) => ({ ...moment, stale: moment.at % 3 === 0 ? 41 : 0 }))
  const verdicts = { stale: 410, failed: 0, torn: 1, wrong: 0 }
  return { ...sample, verdicts, findings, timeline, ...changes }
}

function momentOf(at: number, disturbances: readonly Disturbance[], random: () => number): Moment {
  const during = (kind: Disturbance['kind']) =>
    disturbances.some((each) => each.kind === kind && each.from < at && each.to > at - 1)
  const outage = during('outage')
  const slow = during('kill') || during('add') ? 0.75 : 1
  const requests = Math.round((at === 1 ? 12_000 : 19_200 + 1_600 * random()) * slow)
  return {
    at,
    requests,
    failed: during('kill') ? 9 : 0,
    stale: 0,
    allowedOld: outage ? Math.round(requests / 40) : 0,
    p50: 2.8 + 0.6 * random() + (slow < 1 ? 0.7 : 0),
    p99: 7.5 + 3 * random() + (during('kill') ? 84 : outage ? 22 : 0),
    restarts: outage ? 0 : 9 + Math.round(random()),
  }
}

function histogramOf(restarts: number): Convergence['histogram'] {
  const shares = [0.01, 0.04, 0.14, 0.29, 0.24, 0.15, 0.08, 0.03, 0.015, 0.005, 0, 0]
  const edges = [5, 10, 15, 20, 25, 30, 40, 50, 100, 200, 2000, null]
  return edges.map((upToMs, index) => ({ upToMs, restarts: Math.round(restarts * (shares[index] ?? 0)) }))
}

/** Mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
