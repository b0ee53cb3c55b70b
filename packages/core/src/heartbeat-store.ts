import type { Token } from './token.ts'

/** A tenant that a replica holds in its pool. */
export interface HeldTenant {
  readonly state: 'held'
  /** The tenant's own token that it was built under. */
  readonly token: Token
  /** The token of all tenants that it was built under. */
  readonly all: Token
  readonly builtAt: Date
}

/** A tenant that a replica does not hold, since its last build failed. */
export interface FailedTenant {
  readonly state: 'failed'
  /** The tokens that the build was under; null: absent. */
  readonly token: Token | null
  readonly all: Token | null
  readonly failedAt: Date
  /** Why, in a sentence for operators. At most 500 characters. */
  readonly reason: string
}

/** What a replica tells of one tenant. Of a tenant that it neither holds nor failed to build, it tells nothing. */
export type TenantReport = HeldTenant | FailedTenant

/** What one beat of a replica says. */
export interface Beat {
  /** Which replica it is: a name of its own, not an address. Another one for every process. */
  readonly replica: string
  /** When it began to tell of itself. Beats of one process bear the same time. */
  readonly startedAt: Date
  /** By tenant id: what is new. */
  readonly reports: ReadonlyMap<string, TenantReport>
  /** Ids of which there is nothing to tell any more. */
  readonly gone: readonly string[]
  /** Whether `reports` is all there is, and whatever was told before is to be forgotten. */
  readonly whole: boolean
}

/** What a replica has told, all beats taken together. */
export interface ReplicaReport {
  readonly replica: string
  readonly startedAt: Date
  /** By tenant id. */
  readonly tenants: ReadonlyMap<string, TenantReport>
}

/** How long a replica's report lives after its last beat, in milliseconds. */
export const HEARTBEAT_LIFETIME_MS = 10_000

/**
 * The wall that is read back: what the replicas hold. It is for people and for rollouts; no promise rests on it.
 *
 * - A report is forgotten {@link HEARTBEAT_LIFETIME_MS} after the replica's last beat.
 * - A beat is taken in as a whole: `read` sees all of it or nothing.
 * - Every operation ends by itself, as those of a TokenStore do.
 */
export interface HeartbeatStore {
  /**
   * Takes in a beat; `reports` and `gone` may be empty: the replica is alive.
   *
   * @returns false: nothing is known of this replica since it started (its report has expired, or was flushed), and
   * nothing was taken in, since the beat was not `whole`. The replica must send one that is.
   */
  beat(beat: Beat): Promise<boolean>

  /** Forgets a replica: it says goodbye. */
  leave(replica: string): Promise<void>

  /** The reports of all replicas that are alive, by the order of their names. */
  read(): Promise<readonly ReplicaReport[]>

  /** Lets go of connections. */
  close?(): Promise<void> | void
}
