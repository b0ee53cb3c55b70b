import { cpus } from 'node:os'
import { DisturbanceLog } from './disturbance-log.ts'
import { Disturbances } from './disturbances.ts'
import { Driver } from './driver.ts'
import { Ledger } from './ledger.ts'
import { createLoadTenants, deleteLoadTenants, type LoadTenant } from './load-tenants.ts'
import { LoadTestError } from './load-test-error.ts'
import { ManagerClient } from './manager-client.ts'
import { Measurement } from './measurement.ts'
import { monotonicMs } from './monotonic-ms.ts'
import type { RunProgress } from './progress.ts'
import { type RedisCommands, readRedisCommands, redisCostOf } from './redis-commands.ts'
import { costOf, ReplicaMetrics } from './replica-metrics.ts'
import { Restarter } from './restarter.ts'
import type { DisturbanceKind, Machine, Results, Settings } from './results.ts'
import type { Control, Scene } from './scene.ts'
import { untilServed } from './until-served.ts'

export interface LoadTestOptions {
  /** What is done to the scene meanwhile, in this order, spread over the run. @default nothing */
  readonly disturb?: readonly DisturbanceKind[]
  /** How long an outage of the store lasts, in milliseconds. @default 3000 */
  readonly outageMs?: number
  /** How it was called. */
  readonly command?: string
  /** Ends the run early; what was measured until then is told. Before the first request, it is thrown. */
  readonly signal?: AbortSignal
  /** Called about five times a second. */
  readonly onProgress?: (progress: RunProgress) => void
}

const PROGRESS_EVERY_MS = 200
const METRICS_EVERY_MS = 1000

/**
 * Puts a scene under load, restarts and changes tenants meanwhile, and checks every answer.
 *
 * @throws LoadTestError for what the caller can put right: something is not there, or cannot be done; the signal's
 *   reason when it fires before the first request
 */
export async function runLoadTest(
  scene: Scene,
  settings: Settings,
  options: LoadTestOptions = {},
): Promise<Results> {
  if (options.disturb !== undefined && options.disturb.length > 0) mustBeDisturbable(scene, settings)
  const { signal } = options
  const manager = new ManagerClient(scene.manager)
  const ledger = new Ledger()
  try {
    const tenants = await createLoadTenants(manager, settings.tenants, { ledger, signal })
    try {
      await untilServed(scene, tenants, signal)
      return await new Run({ scene, settings, options, tenants, ledger }).results()
    } finally {
      await deleteLoadTenants(manager, tenants).catch((error: Error) => {
        process.emitWarning(
          `The tenants of the load test are left behind, for the next run: ${error.message}`,
        )
      })
    }
  } finally {
    await manager.close()
  }
}

interface RunOptions {
  readonly scene: Scene
  readonly settings: Settings
  readonly options: LoadTestOptions
  readonly tenants: readonly LoadTenant[]
  readonly ledger: Ledger
}

/** One run, from its first request to its results. */
class Run {
  readonly #scene: Scene
  readonly #settings: Settings
  readonly #options: LoadTestOptions
  readonly #tenants: readonly LoadTenant[]
  readonly #ledger: Ledger
  readonly #log = new DisturbanceLog()
  readonly #metrics: ReplicaMetrics
  #notDone: readonly DisturbanceKind[] = []
  #endedEarly: string | undefined
  #failure: unknown

  constructor({ scene, settings, options, tenants, ledger }: RunOptions) {
    this.#scene = scene
    this.#settings = settings
    this.#options = options
    this.#tenants = tenants
    this.#ledger = ledger
    this.#metrics = new ReplicaMetrics(() => scene.adminUrls())
  }

  async results(): Promise<Results> {
    const before = await this.#readRedis()
    await this.#metrics.read()
    this.#options.signal?.throwIfAborted()
    const restarter = await this.#startRestarter()
    const startedAt = new Date()
    const measurement = new Measurement({
      tenants: this.#tenants.length,
      maxAgeMs: this.#settings.maxAgeMs,
      ledger: this.#ledger,
      disturbances: this.#log,
      // What a run starts and ends itself, nobody else clears.
      storeMayForget: this.#scene.control === undefined,
    })
    await this.#drive(measurement, restarter)
    await this.#metrics.read()
    measurement.settle(this.#metrics)
    const after = before && (await this.#readRedis().catch(warnOfRedis))

    const { tally, seconds } = measurement
    const { requests, verdicts, failures, allowed, findings } = tally
    return {
      format: 1,
      startedAt: startedAt.toISOString(),
      command: this.#options.command ?? '',
      machine: thisMachine(),
      scene: this.#scene.description,
      settings: this.#settings,
      seconds,
      requests,
      requestsPerSecond: seconds > 0 ? requests / seconds : 0,
      latency: measurement.timeline.latency(),
      verdicts,
      failures,
      allowed,
      findings,
      restarts: this.#ledger.counts(),
      convergence: measurement.convergence.results(),
      cost: {
        ...costOf(this.#metrics.totals(), requests),
        ...(before && after && redisCostOf(before, after, requests)),
        replicas: tally.answers(),
      },
      // The clock may have gone on when the last request had ended.
      timeline: measurement.timeline.moments().filter(({ at }) => at <= seconds),
      disturbances: this.#log.list(measurement.startedAt),
      notDone: this.#notDone,
      ...(this.#endedEarly !== undefined && { endedEarly: this.#endedEarly }),
    }
  }

  async #startRestarter(): Promise<Restarter> {
    const restarter = new Restarter({
      manager: this.#scene.manager,
      tenants: this.#tenants,
      restartEveryMs: this.#settings.restartEveryMs,
      ledger: this.#ledger,
    })
    // A thread takes its time to start; the run is not to begin without restarts.
    await restarter.ready
    return restarter
  }

  /** Resolves when the last request has ended, and nothing else goes on. Rejects with the first thing that failed. */
  async #drive(measurement: Measurement, restarter: Restarter): Promise<void> {
    const { requests, seconds, connections } = this.#settings
    const { signal, onProgress } = this.#options
    const driver = new Driver({
      tenants: this.#tenants,
      connections,
      requests,
      targets: () => this.#scene.targets(),
      required: (tenant) => measurement.required(tenant),
      onEnd: (request) => measurement.take(request),
    })
    const stop = () => driver.stop()
    const fail = (error: unknown) => {
      this.#failure ??= error
      stop()
    }
    const endEarly = (why: string) => {
      this.#endedEarly ??= why
      stop()
    }
    const interrupt = () => (this.#hasEnd ? endEarly('it was interrupted') : stop())
    restarter.failed.catch(fail)
    const disturbances = this.#newDisturbances(measurement)
    const timers = [
      setInterval(() => {
        const progress = this.#progressOf(measurement, disturbances?.doing)
        onProgress?.(progress)
        // What was measured until then is worth telling.
        disturbances?.advance(progress.share)?.catch(({ message }: Error) => endEarly(message))
      }, PROGRESS_EVERY_MS),
      setInterval(() => {
        measurement.tick()
        // Of a replica that is killed, this is the last that is known.
        this.#metrics.read().catch(fail)
      }, METRICS_EVERY_MS),
    ]
    if (seconds !== undefined) timers.push(setTimeout(stop, 1000 * seconds))
    if (signal?.aborted) interrupt()
    signal?.addEventListener('abort', interrupt)
    try {
      await driver.end().catch(fail)
    } finally {
      signal?.removeEventListener('abort', interrupt)
      for (const timer of timers) clearTimeout(timer)
      this.#notDone = (await disturbances?.end()) ?? []
      await restarter.stop()
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  #newDisturbances(measurement: Measurement): Disturbances | undefined {
    const { disturb: kinds = [], outageMs = 3000 } = this.#options
    const { control } = this.#scene
    if (control === undefined || kinds.length === 0) return undefined
    const onGone = (replica: string) => measurement.convergence.gone(replica)
    return new Disturbances({ kinds, control: this.#watched(control), outageMs, onGone, log: this.#log })
  }

  /** Reads what replicas tell before one is gone, and on both sides of an outage: what they lose else is their own. */
  #watched(control: Control): Control {
    const read = () => this.#metrics.read()
    return {
      ...control,
      removeReplica: () => read().then(() => control.removeReplica()),
      killReplica: (onKill) => read().then(() => control.killReplica(onKill)),
      async outage(ms, onReach) {
        await read()
        await control.outage(ms, onReach)
        await read()
      },
    }
  }

  /** Otherwise it ends by hand, and never early. */
  get #hasEnd(): boolean {
    return this.#settings.requests !== undefined || this.#settings.seconds !== undefined
  }

  #progressOf({ tally, timeline, startedAt }: Measurement, doing: string | undefined): RunProgress {
    const { requests, verdicts } = tally
    const seconds = (monotonicMs() - startedAt) / 1000
    const { plain, changes } = this.#ledger.counts()
    return {
      requests,
      seconds,
      share: Math.min(1, this.#shareOf(requests, seconds)),
      requestsPerSecond: timeline.moments().at(-1)?.requests ?? requests / seconds,
      ...verdicts,
      restarts: plain + changes,
      doing,
    }
  }

  #shareOf(requests: number, seconds: number): number {
    if (this.#settings.requests !== undefined) return requests / this.#settings.requests
    return this.#settings.seconds === undefined ? 0 : seconds / this.#settings.seconds
  }

  async #readRedis(): Promise<RedisCommands | undefined> {
    const { redisUrl } = this.#scene
    if (redisUrl === undefined) return undefined
    return readRedisCommands(redisUrl).catch((cause: Error) => {
      throw new LoadTestError(`Redis does not tell its counters: ${cause.message}`, { cause })
    })
  }
}

function mustBeDisturbable({ control }: Scene, { requests, seconds }: Settings): void {
  if (control === undefined)
    throw new LoadTestError('Expected nothing to be disturbed: this scene has no controls')
  if (requests === undefined && seconds === undefined) {
    throw new LoadTestError('Expected a number of requests or of seconds, over which to spread what is done')
  }
}

function warnOfRedis(error: Error): undefined {
  process.emitWarning(`What Redis was asked is not known: ${error.message}`)
}

function thisMachine(): Machine {
  const processors = cpus()
  return {
    node: process.version,
    cpus: processors.length,
    cpuModel: processors[0]?.model ?? 'unknown',
    platform: `${process.platform} ${process.arch}`,
  }
}
