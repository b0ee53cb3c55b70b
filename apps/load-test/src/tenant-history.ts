import type { LedgerEntry } from './ledger.ts'

/** How new an answer is, or must be. */
export interface Version {
  /** Of the restart; undefined: a token that a replica has claimed, after the store had lost it, has none. */
  readonly id: number | undefined
  /** Of the configuration. */
  readonly sequence: number
}

type Entry = Omit<LedgerEntry, 'tenant'>
type Known = Version & { readonly id: number }

/** What a replica had shown by then, at most. */
interface Shown extends Known {
  readonly at: number
}

/** What is known of one tenant: its restarts, and what its replicas have shown. */
export class TenantHistory {
  /** By their ids. */
  readonly #entries: Entry[] = []
  /** By replica, in their order: each is newer than the one before. */
  readonly #shown = new Map<string, Shown[]>()
  #required: Known = { id: 0, sequence: 0 }

  /** What must be shown by the answer to a request that is sent from here on: one object until that changes. */
  get required(): Known {
    return this.#required
  }

  /** A restart that was pending comes again when it has resolved, and later ones may have come before. */
  add(entry: Entry): void {
    const { id, sequence, resolvedAt } = entry
    let at = this.#entries.length
    while (at > 0 && (this.#entries[at - 1] as Entry).id > id) at -= 1
    this.#entries.splice(at, 0, entry)
    if (resolvedAt !== undefined && id > this.#required.id) this.#required = { id, sequence }
  }

  /** Whatever is shown under the token of restart `id` was read after that restart: of this sequence, at least. */
  sequenceAt(id: number): number {
    return this.#entries.findLast((entry) => entry.id <= id)?.sequence ?? 0
  }

  /** Whether a restart is known; one that is pending is. */
  has(id: number): boolean {
    return this.#entries.findLast((entry) => entry.id <= id)?.id === id
  }

  /** A replica has shown this, by an answer that had come whole at `at`. */
  show(replica: string, { id = 0, sequence }: Version, at: number): void {
    const shown = this.#shown.get(replica)
    const newest = shown?.at(-1)
    if (shown === undefined || newest === undefined) {
      this.#shown.set(replica, [{ id, sequence, at }])
      return
    }
    if (id <= newest.id && sequence <= newest.sequence) return
    shown.push({ id: Math.max(id, newest.id), sequence: Math.max(sequence, newest.sequence), at })
  }

  /** What a replica had shown before `time`, at most; undefined: nothing. */
  shownBefore(replica: string, time: number): Known | undefined {
    return this.#shown.get(replica)?.findLast(({ at }) => at < time)
  }

  /** When the first restart resolved that `shown` is older than; undefined: none that had resolved by `time`. */
  oldestMissed(shown: Version, time: number): number | undefined {
    let oldest: number | undefined
    for (const { id, sequence, resolvedAt } of this.#entries) {
      if (resolvedAt === undefined || resolvedAt > time || !isOlder(shown, { id, sequence })) continue
      if (oldest === undefined || resolvedAt < oldest) oldest = resolvedAt
    }
    return oldest
  }
}

/** A token that has no number tells nothing: then only the configuration counts. */
export function isOlder(shown: Version, required: Known): boolean {
  return shown.sequence < required.sequence || (shown.id !== undefined && shown.id < required.id)
}
