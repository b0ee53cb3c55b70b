import { type Clock, systemClock } from './clock.ts'
import {
  type Beat,
  HEARTBEAT_LIFETIME_MS,
  type HeartbeatStore,
  type ReplicaReport,
  type TenantReport,
} from './heartbeat-store.ts'

export interface MemoryHeartbeatsOptions {
  /** By which clock reports are forgotten. @default Node's own */
  clock?: Clock
}

interface KeptReport {
  readonly report: ReplicaReport
  /** When it is forgotten, in milliseconds of the clock. */
  readonly endsAt: number
}

/** Heartbeats of replicas that all live in one process: for demos and tests. There is nothing to close. */
export class MemoryHeartbeats implements HeartbeatStore {
  readonly #kept = new Map<string, KeptReport>()
  readonly #clock: Clock

  constructor({ clock = systemClock }: MemoryHeartbeatsOptions = {}) {
    this.#clock = clock
  }

  async beat(beat: Beat): Promise<boolean> {
    const { replica, startedAt, whole } = beat
    const known = this.#find(replica)
    const isSame = known !== undefined && known.startedAt.getTime() === startedAt.getTime()
    if (!whole && !isSame) return false
    const tenants = whole ? new Map(beat.reports) : changed((known as ReplicaReport).tenants, beat)
    const endsAt = this.#clock.now() + HEARTBEAT_LIFETIME_MS
    this.#kept.set(replica, { report: { replica, startedAt, tenants }, endsAt })
    return true
  }

  async leave(replica: string): Promise<void> {
    this.#kept.delete(replica)
  }

  async read(): Promise<readonly ReplicaReport[]> {
    const alive = [...this.#kept.keys()].sort().map((replica) => this.#find(replica))
    return alive.filter((report) => report !== undefined)
  }

  #find(replica: string): ReplicaReport | undefined {
    const kept = this.#kept.get(replica)
    if (kept === undefined || this.#clock.now() < kept.endsAt) return kept?.report
    this.#kept.delete(replica)
    return undefined
  }
}

/** A copy, unless nothing has changed: what has been read stays as it was. */
function changed(
  tenants: ReadonlyMap<string, TenantReport>,
  { reports, gone }: Beat,
): ReadonlyMap<string, TenantReport> {
  if (reports.size === 0 && gone.length === 0) return tenants
  const copy = new Map(tenants)
  for (const [id, report] of reports) copy.set(id, report)
  for (const id of gone) copy.delete(id)
  return copy
}
