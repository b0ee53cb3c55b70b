import type { Random } from './random.ts'

/** What a world is like: drawn from its seed before anything happens, unless `presets.ts` says it. */
export interface Temper {
  readonly replicas: number
  /** How many things are begun. */
  readonly actions: number
  readonly maxTenants: number
  readonly maxConcurrentBuilds: number
  /** How likely each thing that is asked of the store goes wrong. */
  readonly flakiness: number
  /** How likely `load`, `create` and lookups go wrong. */
  readonly frailty: number
  readonly slowness: number
  readonly haste: number
  readonly impatience: number
  readonly hurry: number
  /** Whether the store forgets what it has acknowledged. */
  readonly forgets: boolean
  /** Whether there are outages of the store, of the authority, and pauses. */
  readonly hasOutages: boolean
  /** How likely a request is for what was changed last. */
  readonly curiosity: number
  /** How likely a change is of what some replica is just building, or looking up. */
  readonly malice: number
  /** The weight of restarting all tenants; that of changing one is 30. */
  readonly upheaval: number
  /** How likely a request holds its tenant for long. */
  readonly patience: number
}

export function drawTemper(random: Random): Temper {
  return {
    replicas: random.pick([1, 2, 2, 3]),
    actions: random.pick([25, 40, 60, 80]),
    maxTenants: random.pick([2, 100, 100, 100]),
    maxConcurrentBuilds: random.pick([1, 2, 8]),
    flakiness: random.pick([0, 0, 0.01, 0.05]),
    frailty: random.pick([0, 0, 0.05, 0.2]),
    slowness: random.pick([0, 0.1, 0.3]),
    haste: random.pick([0.5, 2, 6]),
    hurry: random.pick([0.2, 1, 3]),
    impatience: random.pick([0, 0.05, 0.6]),
    forgets: random.chance(0.4),
    hasOutages: random.chance(0.5),
    curiosity: random.pick([0.3, 0.6, 0.9]),
    malice: random.pick([0, 0.5, 0.9]),
    upheaval: random.pick([4, 4, 25]),
    patience: random.pick([0, 0.2, 0.6]),
  }
}
