/**
 * `@tenantry/simulation`: the whole of it in one process, every step ordered by a seed.
 *
 * Nothing in here sleeps, listens or asks the network; and a seed does the same each time.
 */
export { describeFailure } from './describe-failure.ts'
export { authorityMutants } from './mutants/authority-mutants.ts'
export { coreMutants } from './mutants/core-mutants.ts'
export { type Caught, hunt } from './mutants/hunt.ts'
export type { Mutant } from './mutants/mutant.ts'
export type { Outcome } from './run-world.ts'
export { shrink } from './shrink.ts'
export { type Kind, Simulation } from './simulation.ts'
