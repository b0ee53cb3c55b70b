import type { Cost } from './results.ts'

/** What a replica's counters stand at. */
type Values = Readonly<Record<Counter, number>>

type Counter = 'builds' | 'loads' | 'lookups' | 'cpuSeconds'

/** One life of one replica: of a process that has restarted on the same address, there are two. */
interface Life {
  /** What does not count: from before the run. */
  readonly before: Values
  /** As it was read last. */
  last: Values
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
const ZERO: Values = { builds: 0, loads: 0, lookups: 0, cpuSeconds: 0 }

/** What the run costs the replicas, by their own counters. */
export class ReplicaMetrics {
  readonly #adminUrls: () => Promise<readonly string[]>
  readonly #lives = new Map<string, Life>()
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
      for (const counter of Object.keys(total) as Counter[]) total[counter] += last[counter] - before[counter]
    }
    return total
  }

  async #readOne(url: string): Promise<void> {
    const response = await fetch(new URL('/metrics', url), { signal: AbortSignal.timeout(TIMEOUT_MS) })
    const text = await response.text()
    if (!response.ok) return
    const startedAt = sumOf([STARTED_AT], text)
    const values = valuesOf(text)
    const key = `${url} ${startedAt}`
    const life = this.#lives.get(key)
    if (life !== undefined) {
      life.last = values
      return
    }
    // Of one that has come up meanwhile, everything is of this run.
    const isOfRun = startedAt > (this.#firstReadAt ?? 0)
    this.#lives.set(key, { before: isOfRun ? ZERO : values, last: values })
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
