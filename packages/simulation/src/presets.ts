import type { Temper } from './temper.ts'

type PresetName =
  | 'changingHosts'
  | 'evictions'
  | 'lateBuilds'
  | 'outdatedBuilds'
  | 'upheavals'
  | 'overtakenReads'
  | 'lateAnswers'
  | 'failedKeys'
  | 'calmChanges'

/** What worlds are like in which something happens that is rare in others, and some mutants are found much sooner. */
export const PRESETS: Readonly<Record<PresetName, Partial<Temper>>> = {
  /** Slow lookups, of hosts that change meanwhile, and nothing that fails. */
  changingHosts: {
    malice: 0.9,
    curiosity: 0.9,
    slowness: 0.3,
    flakiness: 0,
    frailty: 0,
    hasOutages: false,
    forgets: false,
    impatience: 0,
    haste: 0.5,
    hurry: 1,
    upheaval: 0,
    maxConcurrentBuilds: 8,
    actions: 120,
  },
  /** Tenants are evicted while requests wait for their checks. */
  evictions: { maxTenants: 2, patience: 0, slowness: 0.3, hurry: 1 },
  /** Builds reach their time limit, with a store that answers. */
  lateBuilds: { impatience: 0.6, slowness: 0.3, flakiness: 0 },
  /** What is being built is changed meanwhile. */
  outdatedBuilds: { malice: 0.9, slowness: 0.3, impatience: 0.6, frailty: 0 },
  /** All tenants are restarted while the store fails and is probed. */
  upheavals: {
    upheaval: 25,
    impatience: 0.6,
    slowness: 0.3,
    frailty: 0,
    maxTenants: 100,
    flakiness: 0.05,
    replicas: 3,
    actions: 80,
  },
  /** The same, with many reads under way that overtake each other. */
  overtakenReads: {
    upheaval: 25,
    impatience: 0.3,
    slowness: 0.3,
    maxTenants: 100,
    frailty: 0,
    flakiness: 0.02,
    hurry: 3,
    replicas: 3,
    actions: 80,
  },
  /** Answers come late, and outages begin soon after them. */
  lateAnswers: {
    haste: 6,
    hurry: 1,
    impatience: 0.6,
    slowness: 0.3,
    hasOutages: true,
    maxTenants: 100,
    frailty: 0,
    actions: 80,
  },
  /** Reads that are shared by many, of which single keys fail. */
  failedKeys: { flakiness: 0.05, hurry: 3, maxTenants: 100, actions: 80 },
  /** Requests for what was changed last, in a site where nothing fails and no restart of all hides what is missing. */
  calmChanges: {
    flakiness: 0,
    frailty: 0,
    hasOutages: false,
    forgets: false,
    upheaval: 0,
    curiosity: 0.9,
  },
}

/** One seed of so many has a preset. */
const EVERY = 3

/** What a seed's world is like before anything is drawn: every third takes one of the presets, in turn. */
export function presetOf(seed: number): Partial<Temper> {
  if (seed % EVERY !== EVERY - 1) return {}
  const presets = Object.values(PRESETS)
  return presets[Math.floor(seed / EVERY) % presets.length] ?? {}
}
