import type { Test } from 'tap'
import { hunt, type Mutant, type Simulation } from '../../src/index.ts'

/** Hunts mutants, each in a subtest of its own, and prints the table of what has caught them. */
export async function huntAll(
  t: Test,
  mutants: readonly Mutant[],
  { simulation, maxSeeds }: { readonly simulation: Simulation; readonly maxSeeds: number },
): Promise<void> {
  const rows: string[] = []
  for (const mutant of mutants) {
    await t.test(mutant.name, async (t) => {
      const caught = await hunt(mutant, { maxSeeds, database: () => simulation.database() })
      if (caught === undefined) {
        t.fail(`is not caught by ${mutant.caughtBy.join(', ')} within ${maxSeeds} seeds`)
        return
      }
      const { seeds, violation } = caught
      t.ok(mutant.caughtBy.includes(violation.promised), violation.text)
      const by = `${violation.promised} after ${seeds}`
      rows.push(`${by.padEnd(14)} ${mutant.file.padEnd(22)} ${mutant.breaks}: ${mutant.name}`)
    })
  }
  t.comment(`Caught by, after how many seeds:\n${rows.join('\n')}`)
}
