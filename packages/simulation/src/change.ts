import { HOSTNAMES, IDS } from './cast.ts'
import type { Random } from './random.ts'
import type { Records } from './records.ts'

/** What a manager is asked to do. */
export type Change =
  | { readonly kind: 'restart' | 'update'; readonly ids: readonly string[] }
  | { readonly kind: 'restart all' }
  | { readonly kind: 'create'; readonly id: string; readonly hostname: string | undefined }
  | { readonly kind: 'delete'; readonly id: string }
  /** From whoever has it, if anybody does. */
  | { readonly kind: 'give'; readonly id: string; readonly hostname: string }

export interface ChangeOptions {
  /** Tenants and host names that are to be preferred. */
  readonly likely: readonly string[]
  /** The weight of restarting all tenants. */
  readonly upheaval: number
}

/** Something that can be done as things stand. */
export function drawChange(random: Random, records: Records, { likely, upheaval }: ChangeOptions): Change {
  const exists = (id: string): boolean => records.latest(id)?.hostnames !== undefined
  const there = IDS.filter(exists)
  const gone = IDS.filter((id) => !exists(id))
  if (there.length === 0) return { kind: 'create', id: random.pick(gone), hostname: undefined }
  const pick = (list: readonly string[]): string => {
    const preferred = list.filter((one) => likely.includes(one))
    return random.pick(preferred.length > 0 ? preferred : list)
  }
  const [id, other] = [pick(there), random.pick(there)]
  const hostname = pick(HOSTNAMES)
  const free = HOSTNAMES.filter((name) => records.ownerOf(name) === undefined)
  return random.weigh<Change>([
    [30, { kind: 'update', ids: [id] }],
    [8, { kind: 'restart', ids: [...new Set([id, other])] }],
    [upheaval, { kind: 'restart all' }],
    [gone.length > 0 ? 15 : 0, { kind: 'create', id: pick(gone), hostname: pick(free) }],
    [there.length > 2 ? 8 : 0, { kind: 'delete', id }],
    [there.length > 0 ? 20 : 0, { kind: 'give', id: random.pick(there), hostname }],
  ])
}

export function describeChange(change: Change): string {
  switch (change.kind) {
    case 'restart all':
      return 'restart all'
    case 'create':
      return `create ${change.id} with ${change.hostname ?? 'no host'}`
    case 'delete':
      return `delete ${change.id}`
    case 'give':
      return `give ${change.hostname} to ${change.id}`
    default:
      return `${change.kind} ${change.ids}`
  }
}
