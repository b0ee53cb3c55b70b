import type { Outcome } from './run-world.ts'

/** Something that fails, with as few things begun as it takes. */
export interface Shrunk {
  readonly actions: number
  readonly outcome: Outcome
}

/**
 * Runs a failing world again with fewer things begun: what is begun first is the same each time, and so is what
 * follows from it until the world is left alone.
 *
 * @param run runs it with so many
 */
export async function shrink(
  run: (actions: number) => Promise<Outcome>,
  maxActions: number,
): Promise<Shrunk | undefined> {
  for (let actions = 1; actions <= maxActions; actions += 1) {
    const outcome = await run(actions)
    if (outcome.violations.length > 0) return { actions, outcome }
  }
  return undefined
}
