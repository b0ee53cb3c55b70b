import { newCoreWorld } from '../core-world.ts'
import { runWorld } from '../run-world.ts'
import type { SharedDatabase } from '../shared-database.ts'
import type { Violation } from '../violation.ts'
import { newWholeWorld } from '../whole-world.ts'
import type { Mutant } from './mutant.ts'
import { loadMutated } from './mutated-modules.ts'

export interface Caught {
  /** How many seeds it took. */
  readonly seeds: number
  readonly violation: Violation
}

/**
 * Runs a mutant from seed 1 on until it breaks a promise that its rule is there for. Undefined: it does not within so
 * many seeds.
 *
 * @throws when a world does not come to its end, which tells nothing about that promise
 */
export async function hunt(
  mutant: Mutant,
  { maxSeeds, database }: { readonly maxSeeds: number; readonly database: () => Promise<SharedDatabase> },
): Promise<Caught | undefined> {
  const modules = await loadMutated(mutant)
  for (let seed = 1; seed <= maxSeeds; seed += 1) {
    const { temper } = mutant
    const world =
      mutant.world === 'core'
        ? newCoreWorld(seed, modules, temper)
        : await newWholeWorld(seed, modules, { shared: await database(), temper })
    const { violations } = await runWorld(world, { until: mutant.caughtBy })
    const violation = violations.find(({ promised }) => mutant.caughtBy.includes(promised))
    if (violation !== undefined) return { seeds: seed, violation }
    const stuck = violations.find(({ promised }) => promised === 'STEP')
    if (stuck !== undefined) throw new Error(`${mutant.name}: seed ${seed}: ${stuck.text}`)
  }
  return undefined
}
