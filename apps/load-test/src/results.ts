/** What one run found: the JSON file, as it is written. Everything the table and the page show is in here. */
export interface Results {
  /** Of this format. A reader refuses another one. */
  readonly format: 1
  /** ISO 8601. */
  readonly startedAt: string
  /** As it was called, without passwords. */
  readonly command: string
  readonly machine: Machine
  /** What was under load, in a few words: "4 replicas behind HAProxy, processes on this machine". */
  readonly scene: string
  readonly settings: Settings
  readonly seconds: number
  /** Requests that ended, well or not. */
  readonly requests: number
  readonly requestsPerSecond: number
  readonly latency: Latency
  readonly verdicts: Verdicts
  /** Failed requests, by what explains them. */
  readonly failures: Failures
  /** Answers that were older than a restart, and allowed to be. */
  readonly allowed: Allowed
  /** The first of each kind of finding, so that somebody can look into it. At most 50. */
  readonly findings: readonly Finding[]
  readonly restarts: Restarts
  readonly convergence: Convergence
  readonly cost: Cost
  /** Why it ended before its time, in a sentence. Undefined: it did not. */
  readonly endedEarly?: string
  /** Second by second. */
  readonly timeline: readonly Moment[]
  /** What was done to it, and when; restarts are counted in `timeline`. */
  readonly disturbances: readonly Disturbance[]
  /** What should have been done to it, but the run was over before its turn came. */
  readonly notDone: readonly DisturbanceKind[]
}

export interface Machine {
  readonly node: string
  readonly cpus: number
  readonly cpuModel: string
  readonly platform: string
}

export interface Settings {
  readonly connections: number
  readonly tenants: number
  /** Undefined: the run ended by `seconds`, or by hand. */
  readonly requests?: number
  readonly seconds?: number
  readonly restartEveryMs: number
  /** How old a check may be; 0: every request is checked. */
  readonly maxAgeMs: number
}

/** Milliseconds. */
export interface Latency {
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export interface Verdicts {
  /** Older than a restart that had resolved before the request was sent, and not allowed to be. */
  readonly stale: number
  /** No answer, or one of another status than 200. */
  readonly failed: number
  /** Two tenants, or two builds of one, in one response. */
  readonly torn: number
  /** Another tenant than the one that Host names. */
  readonly wrong: number
}

export interface Failures {
  /** On connections to a replica that was killed while they were in use. */
  readonly byKill: number
  /** 503 while the store was kept away, or the replica had lost it: a tenant that was not in memory (G6). */
  readonly byOutage: number
  readonly unexplained: number
}

export interface Allowed {
  /** While the store was kept away: served unchecked (G6). */
  readonly duringOutage: number
  /** While the replica had lost the store by itself, as its metrics tell: served unchecked (G6). */
  readonly unchecked: number
  /** With `maxAgeMs` above 0: within that age. */
  readonly withinMaxAge: number
  /**
   * By tenants under a token that a replica has claimed, since the store had lost it: it has no number, so whether a
   * restart without a change was missed cannot be told.
   */
  readonly claimed: number
  /** From the restart that such an answer missed to the sending of its request, in milliseconds; the longest. */
  readonly oldestOutageMs: number
  readonly oldestUncheckedMs: number
  readonly oldestWithinMaxAgeMs: number
}

export interface Finding {
  /** Seconds from the beginning. */
  readonly at: number
  readonly kind: 'stale' | 'failed' | 'torn' | 'wrong'
  readonly tenant: string
  readonly replica?: string
  /** In a sentence: what was expected, what came. */
  readonly message: string
}

export interface Restarts {
  /** Restarts without a change of the configuration. */
  readonly plain: number
  /** Changes of a configuration, each with the restart that it asks for. */
  readonly changes: number
  /** Answered 202: committed, and written to the store later. */
  readonly pending: number
  /** Not answered by the manager, or refused. */
  readonly failed: number
}

/** From the moment at which a restart resolved, in milliseconds; without those that were written later. */
export interface Convergence {
  /** Until the first answer by a tenant that was built after it, from any replica. */
  readonly first: Spread
  /** Until all replicas that were serving have answered so. */
  readonly last: Spread
  /** Restarts that not all replicas had shown when the run ended: they are not in `last`. */
  readonly open: number
  /** How many restarts took how long until the last replica. `upToMs` is the upper edge of a bar; null: longer. */
  readonly histogram: readonly { readonly upToMs: number | null; readonly restarts: number }[]
}

export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** What the run cost; undefined where it could not be asked for. */
export interface Cost {
  readonly builds?: number
  readonly loads?: number
  readonly lookups?: number
  /** All that Redis was asked, by anybody, for 100 requests. */
  readonly redisPer100Requests?: number
  /** By command, busiest first. */
  readonly redisCommands?: readonly { readonly command: string; readonly calls: number }[]
  /** Microseconds of the replicas' CPU time for each request. */
  readonly replicaCpuUs?: number
  /** By replica: its name, how many answers bore it. */
  readonly replicas: readonly { readonly name: string; readonly answers: number }[]
}

export interface Moment {
  /** Seconds from the beginning; what is told is of the second that ends then. */
  readonly at: number
  readonly requests: number
  readonly failed: number
  readonly stale: number
  readonly allowedOld: number
  /** Milliseconds; null: nothing was answered. */
  readonly p50: number | null
  readonly p99: number | null
  readonly restarts: number
}

export interface Disturbance {
  readonly kind: DisturbanceKind
  /** Seconds from the beginning. */
  readonly from: number
  readonly to: number
  /** "replica-3", for what is done to a replica. */
  readonly subject?: string
}

export type DisturbanceKind = 'add' | 'remove' | 'kill' | 'outage'

/** Whether what may never happen has happened: exit status 1. */
export function isBroken({ verdicts: { stale, torn, wrong } }: Pick<Results, 'verdicts'>): boolean {
  return stale + torn + wrong > 0
}
