/** What is under load, and what can be done to it. */
export interface Scene {
  /** In a few words, for the table and the page. */
  readonly description: string
  readonly manager: Manager
  /** Redis, to ask for its counters. Undefined: it cannot be asked. */
  readonly redisUrl: string | undefined
  /**
   * Where requests go just now: a balancer, or replicas to be taken by turns. Looked at before every request, so it
   * must be cheap; a target that is there no longer gets no new request.
   */
  targets(): readonly Target[]
  /** Base URLs of the admin ports of the replicas that run just now; none: they cannot be asked. */
  adminUrls(): Promise<readonly string[]>
  /** Undefined: nothing can be done to it from here. */
  readonly control: Control | undefined
  /** Ends what it has started. */
  close(): Promise<void>
}

export interface Manager {
  readonly url: string
  readonly apiKey: string | undefined
}

export interface Target {
  /** Base URL. */
  readonly origin: string
  /** The one replica behind it; undefined: a balancer. */
  readonly replica: string | undefined
}

/** Each resolves when it is done and takes effect. */
export interface Control {
  /** @returns its name: what its answers bear in `x-tenantry-replica` */
  addReplica(): Promise<string>
  /** Asks one to end; it answers what it was asked. */
  removeReplica(): Promise<string>
  /** Kills one at once. Its name is told just before. */
  killReplica(onKill: (replica: string) => void): Promise<string>
  /** Keeps the store away for so long; resolves when all replicas reach it again. Each is told as soon as it does. */
  outage(ms: number, onReach: (replica: string) => void): Promise<void>
}
