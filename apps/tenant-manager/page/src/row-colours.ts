import { type Colour, colourOf } from './colour.ts'

/** So many generations of one tenant are to be seen at once, at most; of older ones nothing has to be remembered. */
const MAX_GENERATIONS = 4

/** The colours of each tenant's generations: equal stamps look alike, and none looks like the one before it. */
export class RowColours {
  /** By tenant, then by stamp; the newest is last. */
  readonly #rows = new Map<string, Map<string, Colour>>()

  of(id: string, stamp: string): Colour {
    const row = this.#rows.get(id) ?? new Map<string, Colour>()
    this.#rows.set(id, row)
    const known = row.get(stamp)
    if (known) return known
    const colour = colourOf(stamp, [...row.values()].at(-1))
    row.set(stamp, colour)
    const [oldest = stamp] = row.keys()
    if (row.size > MAX_GENERATIONS) row.delete(oldest)
    return colour
  }

  forget(id: string): void {
    this.#rows.delete(id)
  }
}
