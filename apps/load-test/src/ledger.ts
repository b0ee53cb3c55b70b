import type { Restarts } from './results.ts'

/** A restart whose number is known: what any answer under its token, or a later one, must show. */
export interface LedgerEntry {
  /** The tenant's place in the list of tenants. */
  readonly tenant: number
  /** The restart's number: what stands before the dot of its token. */
  readonly id: number
  /** Of the configuration that was committed by then. */
  readonly sequence: number
  /** When it had resolved, by {@link monotonicMs}; undefined: committed, and not known to be written yet. */
  readonly resolvedAt: number | undefined
}

const COUNTERS = ['plain', 'changes', 'pending', 'failed'] as const

/** Where the number of entries is kept; the counters follow. */
const LENGTH = 0
const HEADER_BYTES = 64
const FIELDS = 4

/** More than a day of a restart every 100 ms. The system sets memory aside only as it is written to. */
const CAPACITY = 2 ** 20

/**
 * The restarts so far, in memory that the thread which restarts and the one which drives share: what is written in the
 * one is seen in the other at once, without waiting for a turn of its event loop. One thread writes at a time.
 */
export class Ledger {
  readonly shared: SharedArrayBuffer
  readonly #header: Int32Array
  readonly #entries: Float64Array
  readonly #capacity: number
  #read = 0

  /** @param shared of another thread's ledger. @default a new one, empty */
  constructor(shared: SharedArrayBuffer = newMemory(CAPACITY)) {
    this.shared = shared
    this.#header = new Int32Array(shared, 0, 1 + COUNTERS.length)
    this.#entries = new Float64Array(shared, HEADER_BYTES)
    this.#capacity = this.#entries.length / FIELDS
  }

  /** A ledger that has room for few entries. */
  static ofCapacity(capacity: number): Ledger {
    return new Ledger(newMemory(capacity))
  }

  /** @throws when it is full */
  append({ tenant, id, sequence, resolvedAt = Number.NaN }: LedgerEntry): void {
    const length = Atomics.load(this.#header, LENGTH)
    if (length >= this.#capacity)
      throw new Error(`The ledger holds ${length} restarts, and has no room for more`)
    this.#entries.set([tenant, id, sequence, resolvedAt], length * FIELDS)
    // Last: whoever sees the new length sees the entry whole.
    Atomics.store(this.#header, LENGTH, length + 1)
  }

  /** The next entry that this thread has not read yet; undefined: there is none. */
  next(): LedgerEntry | undefined {
    if (this.#read >= Atomics.load(this.#header, LENGTH)) return undefined
    const at = this.#read * FIELDS
    this.#read += 1
    const [tenant = 0, id = 0, sequence = 0, resolvedAt = 0] = this.#entries.subarray(at, at + FIELDS)
    return { tenant, id, sequence, resolvedAt: Number.isNaN(resolvedAt) ? undefined : resolvedAt }
  }

  count(counter: keyof Restarts): void {
    Atomics.add(this.#header, 1 + COUNTERS.indexOf(counter), 1)
  }

  counts(): Restarts {
    const [plain, changes, pending, failed] = COUNTERS.map((_, at) => Atomics.load(this.#header, 1 + at))
    return { plain, changes, pending, failed } as Restarts
  }
}

function newMemory(capacity: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + capacity * FIELDS * Float64Array.BYTES_PER_ELEMENT)
}
