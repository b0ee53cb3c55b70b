import type { Sample } from './measure.ts'

const COLUMNS: [title: string, of: (sample: Sample) => number][] = [
  ['CPU per request', (sample) => sample.cpuUs],
  ['throughput', (sample) => sample.requestsPerSecond],
  ['p50', (sample) => sample.p50],
  ['p99', (sample) => sample.p99],
]

/** A row for each subject: its ratios to the first subject, paired by round. */
export function table(samples: ReadonlyMap<string, readonly Sample[]>): string {
  const [base = []] = samples.values()
  const rows = [['', ...COLUMNS.map(([title]) => title), 'CPU µs']]
  for (const [name, own] of samples) {
    const cells = COLUMNS.map(([, of]) => {
      const ratios = own.map((sample, round) => of(sample) / of(base[round] as Sample)).sort((a, b) => a - b)
      return `${two(middle(ratios))} (${two(ratios[0] ?? Number.NaN)} to ${two(ratios.at(-1) ?? Number.NaN)})`
    })
    rows.push([name, ...cells, middle(own.map(({ cpuUs }) => cpuUs).sort((a, b) => a - b)).toFixed(1)])
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n')
}

function middle(sorted: readonly number[]): number {
  const half = sorted.length / 2
  return ((sorted[Math.ceil(half) - 1] ?? Number.NaN) + (sorted[Math.floor(half)] ?? Number.NaN)) / 2
}

function two(value: number): string {
  return value.toFixed(2)
}
