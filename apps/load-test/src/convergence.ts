import type { LedgerEntry } from './ledger.ts'
import type { Convergence } from './results.ts'
import { spreadOf } from './spread.ts'

/** A restart that has resolved, and that not all replicas have shown yet. */
interface Open {
  readonly id: number
  readonly resolvedAt: number
  /** Those that were serving when it resolved, and have not shown it. */
  readonly awaited: Set<string>
  /** When it was shown first and last so far. */
  firstAt: number | undefined
  lastAt: number | undefined
}

/** What a replica has shown of one tenant: the newest restart, and when for the first time. */
interface Shown {
  readonly id: number
  readonly at: number
}

/** After how long a replica that nothing is heard of counts as gone, in milliseconds. */
const SILENT_MS = 5000

const EDGES_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]

/** How long restarts take until they are seen: at the first replica, and at the last one of those that were serving. */
export class ConvergenceWatch {
  /** By replica: when it answered last. */
  readonly #heardAt = new Map<string, number>()
  readonly #gone = new Set<string>()
  /** By tenant and replica. */
  readonly #shown: Map<string, Shown>[]
  /** By tenant, by id. */
  readonly #open: Open[][]
  readonly #first: number[] = []
  readonly #last: number[] = []

  /** @param tenants how many there are */
  constructor(tenants: number) {
    this.#shown = Array.from({ length: tenants }, () => new Map())
    this.#open = Array.from({ length: tenants }, () => [])
  }

  /** A restart has resolved. Some replicas may have shown it before that. */
  resolved({ tenant, id, resolvedAt }: LedgerEntry): void {
    if (resolvedAt === undefined) return
    const open: Open = { id, resolvedAt, awaited: new Set(), firstAt: undefined, lastAt: undefined }
    for (const replica of this.#heardAt.keys()) open.awaited.add(replica)
    for (const [replica, shown] of this.#shownOf(tenant)) {
      if (shown.id >= id) tick(open, replica, shown.at)
    }
    if (!this.#close(open)) this.#openOf(tenant).push(open)
  }

  /** A replica has answered by a tenant that was built under the token of restart `id`. */
  answered(tenant: number, replica: string, { id, at }: Shown): void {
    // Answers that were on their way do not bring it back.
    if (this.#gone.has(replica)) return
    this.#heardAt.set(replica, at)
    const shown = this.#shownOf(tenant)
    if (id <= (shown.get(replica)?.id ?? 0)) return
    shown.set(replica, { id, at })
    const open = this.#openOf(tenant)
    if (open.length === 0) return
    for (const each of open) if (each.id <= id) tick(each, replica, at)
    this.#closeOf(tenant)
  }

  /** A replica has been killed, or has ended: nobody waits for it from here on. */
  gone(replica: string): void {
    this.#gone.add(replica)
    this.#forget(replica)
  }

  /** To be called every now and then: a replica of which nothing is heard is not waited for until it answers again. */
  forgetSilent(now: number): void {
    for (const [replica, at] of this.#heardAt) if (now - at > SILENT_MS) this.#forget(replica)
  }

  results(): Convergence {
    const barTo = (upToMs: number, fromMs: number) =>
      this.#last.filter((ms) => ms > fromMs && ms <= upToMs).length
    return {
      first: spreadOf(this.#first),
      last: spreadOf(this.#last),
      open: this.#open.reduce((sum, open) => sum + open.length, 0),
      histogram: [...EDGES_MS, null].map((upToMs, at) => ({
        upToMs,
        restarts: barTo(upToMs ?? Number.POSITIVE_INFINITY, EDGES_MS[at - 1] ?? -1),
      })),
    }
  }

  #forget(replica: string): void {
    this.#heardAt.delete(replica)
    for (const [tenant, open] of this.#open.entries()) {
      this.#shownOf(tenant).delete(replica)
      for (const each of open) each.awaited.delete(replica)
      this.#closeOf(tenant)
    }
  }

  #closeOf(tenant: number): void {
    this.#open[tenant] = this.#openOf(tenant).filter((each) => !this.#close(each))
  }

  /** Whether nobody is awaited any more. One that nobody has shown tells nothing. */
  #close({ awaited, resolvedAt, firstAt, lastAt }: Open): boolean {
    if (awaited.size > 0) return false
    if (firstAt === undefined || lastAt === undefined) return true
    // What was shown before it resolved was not late at all.
    this.#first.push(Math.max(0, firstAt - resolvedAt))
    this.#last.push(Math.max(0, lastAt - resolvedAt))
    return true
  }

  #shownOf(tenant: number): Map<string, Shown> {
    return this.#shown[tenant] as Map<string, Shown>
  }

  #openOf(tenant: number): Open[] {
    return this.#open[tenant] as Open[]
  }
}

function tick(open: Open, replica: string, at: number): void {
  if (!open.awaited.delete(replica)) return
  if (open.firstAt === undefined || at < open.firstAt) open.firstAt = at
  if (open.lastAt === undefined || at > open.lastAt) open.lastAt = at
}
