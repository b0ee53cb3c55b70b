/**
 * Runs `run` once for every row of choices that it can be led through: `choose(n)` returns a number below `n`.
 *
 * @returns how many rows there were
 */
export async function everyOrder(run: (choose: (count: number) => number) => Promise<void>): Promise<number> {
  const row: { taken: number; count: number }[] = []
  for (let rows = 1; ; rows += 1) {
    let depth = 0
    await run(function choose(count) {
      const choice = row[depth] ?? { taken: 0, count }
      row[depth] = choice
      depth += 1
      return choice.taken
    })
    while (row.at(-1)?.taken === (row.at(-1)?.count ?? 0) - 1) row.pop()
    const last = row.at(-1)
    if (last === undefined) return rows
    last.taken += 1
  }
}
