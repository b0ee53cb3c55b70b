import { monotonicMs } from './monotonic-ms.ts'
import type { Cost } from './results.ts'

/** What a replica's counters stand at. */
type Values = Readonly<Record<Counter, number>>

type Counter = 'builds' | 'loads' | 'lookups' | 'cpuSeconds'

/** What one look at a replica has shown. */
interface Reading {
  /** It is of some moment between these two, by {@link monotonicMs}. */
  readonly askedAt: number
  readonly answeredAt: number
  readonly values: Values
  /** How often it has lost the store. */
  readonly losses: number
  readonly reachesStore: boolean
}

/** One life of one replica: of a process that has restarted under the same name, there are two. */
interface Life {
  /** What does not count: from before the run. */
  readonly before: Values
  last: Reading
}

/** A time in which a replica may have served unchecked. */
interface Span {
  readonly from: number
  readonly to: number
}

/** How long a replica may take to tell, in milliseconds. */
const TIMEOUT_MS = 5000

const SAMPLES: Readonly<Record<Counter, readonly RegExp[]>> = {
  builds: [sample('tenantry_builds_total')],
  loads: [sample('sample_authority_reads_total', 'kind="load"')],
  lookups: [sample('sample_authority_reads_total', 'kind="lookup"')],
  cpuSeconds: [sample('process_cpu_user_seconds_total'), sample('process_cpu_system_seconds_total')],
}
const STARTED_AT = sample('process_start_time_seconds')
const LOSSES = sample('tenantry_store_losses_total')
const STORE_AWAY = /^tenantry_store_reachable 0$/m
const REPLICA = /^sample_replica_info\{replica="(.*)"\} 1$/m
const ZERO: Values = { builds: 0, loads: 0, lookups: 0, cpuSeconds: 0 }

/** What the replicas tell of themselves: what the run costs them, and when they served unchecked. */
export class ReplicaMetrics {
  readonly #adminUrls: () => Promise<readonly string[]>
  readonly #lives = new Map<string, Life>()
  /** By replica. */
  readonly #unchecked = new Map<string, Span[]>()
  /** In seconds, as Prometheus counts. */
  #firstReadAt: number | undefined

  constructor(adminUrls: () => Promise<readonly string[]>) {
    this.#adminUrls = adminUrls
  }

  /**
   * Reads all of them; what the first call finds is from before the run. To be repeated: of a replica that is killed
   * later, what was read last counts. One that does not answer is left out.
   */
  async read(): Promise<void> {
    this.#firstReadAt ??= Date.now() / 1000
    const urls = await this.#adminUrls()
    await Promise.all(urls.map((url) => this.#readOne(url).catch(() => {})))
  }

  /** Undefined: none could be asked. */
  totals(): Values | undefined {
    if (this.#lives.size === 0) return undefined
    const total: Record<Counter, number> = { ...ZERO }
    for (const { before, last } of this.#lives.values()) {
      for (const counter of Object.keys(total) as Counter[])
        total[counter] += last.values[counter] - before[counter]
    }
    return total
  }

  /**
   * Whether `replica` may have served unchecked at any time from `from` to `to`: it had lost the store. As exact as it
   * was read often; false where it does not tell.
   */
  mayBeUnchecked(replica: string, { from, to }: Span): boolean {
    const spans = this.#unchecked.get(replica) ?? []
    return spans.some((span) => span.from <= to && span.to >= from)
  }

  async #readOne(url: string): Promise<void> {
    const askedAt = monotonicMs()
    const response = await fetch(new URL('/metrics', url), { signal: AbortSignal.timeout(TIMEOUT_MS) })
    const text = await response.text()
    if (!response.ok) return
    const reading: Reading = {
      askedAt,
      answeredAt: monotonicMs(),
      values: valuesOf(text),
      losses: sumOf([LOSSES], text),
      reachesStore: !STORE_AWAY.test(text),
    }
    // By its own name: one that is behind two addresses is one.
    const replica = REPLICA.exec(text)?.[1]?.replace(/\\(.)/g, '$1')
    const startedAt = sumOf([STARTED_AT], text)
    const key = `${replica ?? url} ${startedAt}`
    const life = this.#lives.get(key)
    // Overtaken by another reading: what it would tell is known.
    if (life !== undefined && reading.askedAt < life.last.askedAt) return
    if (replica !== undefined) this.#noteStore(replica, life?.last, reading)
    if (life !== undefined) {
      life.last = reading
      return
    }
    // Of one that has come up meanwhile, everything is of this run.
    const isOfRun = startedAt > (this.#firstReadAt ?? 0)
    this.#lives.set(key, { before: isOfRun ? ZERO : reading.values, last: reading })
  }

  /** It cannot be seen when exactly it lost the store, or reached it again: at some time between two readings. */
  #noteStore(replica: string, previous: Reading | undefined, reading: Reading): void {
    const { losses = 0, reachesStore = true, askedAt: from = 0 } = previous ?? {}
    if (reading.losses === losses && reading.reachesStore && reachesStore) return
    const spans = this.#unchecked.get(replica) ?? []
    spans.push({ from, to: reading.answeredAt })
    this.#unchecked.set(replica, spans)
  }
}

/** What the results tell of it. */
export function costOf(totals: Values | undefined, requests: number): Partial<Cost> {
  if (totals === undefined) return {}
  const { builds, loads, lookups, cpuSeconds } = totals
  return {
    builds,
    loads,
    lookups,
    ...(requests > 0 && { replicaCpuUs: (1e6 * cpuSeconds) / requests }),
  }
}

function valuesOf(text: string): Values {
  const values: Record<Counter, number> = { ...ZERO }
  for (const counter of Object.keys(SAMPLES) as Counter[]) values[counter] = sumOf(SAMPLES[counter], text)
  return values
}

function sumOf(samples: readonly RegExp[], text: string): number {
  let sum = 0
  for (const pattern of samples) for (const [, value] of text.matchAll(pattern)) sum += Number(value)
  return sum
}

/** A line of Prometheus's text format: `name value`, or `name{label="…"} value`. */
function sample(name: string, label = ''): RegExp {
  const labels = label === '' ? '(?:\\{.*\\})?' : `\\{.*${label}.*\\}`
  return new RegExp(`^${name}${labels} (\\S+)`, 'gm')
}
