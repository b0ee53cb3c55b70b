import { monotonicMs } from './monotonic-ms.ts'
import type { Disturbance, DisturbanceKind } from './results.ts'

interface Entry {
  readonly kind: DisturbanceKind
  readonly from: number
  /** Infinity: it is still going on. */
  to: number
  subject: string | undefined
  /** Of an outage, by replica: when it reached the store again. */
  readonly overFor: Map<string, number>
  /** When it was known whom it concerns: a replica is named just before it is killed. */
  namedAt: number
}

/** A disturbance that has begun. */
export interface Begun {
  /** @param subject the replica that it is done to */
  concerns(subject: string): void
  /** Of an outage: a replica reaches the store again, before it has ended for all. */
  isOverFor(replica: string): void
  end(): void
}

/** What was done to the scene, and when: what a failure, or an old answer, may be explained by. */
export class DisturbanceLog {
  readonly #entries: Entry[] = []
  readonly #now: () => number

  constructor(now: () => number = monotonicMs) {
    this.#now = now
  }

  begin(kind: DisturbanceKind): Begun {
    const entry: Entry = {
      kind,
      from: this.#now(),
      to: Number.POSITIVE_INFINITY,
      subject: undefined,
      overFor: new Map(),
      namedAt: 0,
    }
    this.#entries.push(entry)
    return {
      concerns: (subject) => {
        if (entry.subject === undefined) entry.namedAt = this.#now()
        entry.subject = subject
      },
      isOverFor: (replica) => void entry.overFor.set(replica, this.#now()),
      end: () => {
        entry.to = this.#now()
      },
    }
  }

  /** Whether the store was kept away from `replica` at any time from `from` to `to`; undefined: from any. */
  hadOutage(replica: string | undefined, from: number, to: number): boolean {
    return this.#entries.some((entry) => {
      const over = (replica === undefined ? undefined : entry.overFor.get(replica)) ?? entry.to
      return entry.kind === 'outage' && entry.from <= to && over >= from
    })
  }

  /**
   * Whether `replica` was killed while a request was under way, from `from` to `to`. One that was sent later explains
   * itself in no such way: from the kill on, nobody is to give it to the dead.
   */
  wasKilled(replica: string, from: number, to: number): boolean {
    return this.#entries.some(
      ({ kind, subject, namedAt }) =>
        kind === 'kill' && subject === replica && namedAt >= from && namedAt <= to,
    )
  }

  /** In seconds from `startedAt`; what still goes on ends now. */
  list(startedAt: number): Disturbance[] {
    const seconds = (time: number) => (Math.min(time, this.#now()) - startedAt) / 1000
    return this.#entries.map(({ kind, from, to, subject }) => ({
      kind,
      from: seconds(from),
      to: seconds(to),
      ...(subject !== undefined && { subject }),
    }))
  }
}
