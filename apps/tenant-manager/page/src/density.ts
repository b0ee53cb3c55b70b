/** How much room a replica's column has. */
type Density = 'none' | 'wide' | 'medium' | 'narrow'

/** Widths in rem, as in grid.css: all columns but those of the replicas, at their narrowest, and the edge. */
const OTHERS = 25
/** The narrowest column of each kind. */
const WIDE = 6
const MEDIUM = 3.75

/** How many characters of its name a head has room for. */
const ROOM = { none: 0, wide: 11, medium: 6, narrow: 12 } as const

/** @param width of the grid, in rem */
export function densityOf(width: number, replicas: number): Density {
  if (replicas === 0) return 'none'
  const room = (width - OTHERS) / replicas
  if (room >= WIDE) return 'wide'
  return room >= MEDIUM ? 'medium' : 'narrow'
}

/** The names for the heads of the columns: where there is no room, without the beginning that all of them share. */
export function headNames(names: readonly string[], density: Density): readonly string[] {
  const fit = names.every((name) => name.length <= ROOM[density])
  const shared = fit ? 0 : sharedLength(names)
  return shared === 0 ? names : names.map((name) => `…${name.slice(shared)}`)
}

/** A number, or a word, is not cut through: of `web-12` and `web-13`, what differs is `12` and `13`. */
function sharedLength(names: readonly string[]): number {
  const [first = '', ...others] = names
  if (others.length === 0) return 0
  let shared = 0
  while (shared < first.length && others.every((name) => name[shared] === first[shared])) shared++
  const start = first.slice(0, shared)
  return /^.*[^\p{L}\p{N}]/u.exec(start)?.[0].length ?? start.replace(/\d+$/, '').length
}
