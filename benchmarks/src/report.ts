import { cpus } from 'node:os'
import type { Sample } from './measure.ts'
import { canPin } from './pin.ts'
import type { CellResult, Plan, Samples } from './run-cell.ts'
import { middle, pairedRatios } from './statistics.ts'
import { subjectNamed } from './subjects/index.ts'

type Figure = (sample: Sample) => number
type Column = readonly [title: string, of: (own: readonly Sample[], base: readonly Sample[]) => string]

const cpuUs: Figure = (sample) => sample.cpuUs
const throughput: Figure = (sample) => sample.requestsPerSecond
const p50: Figure = (sample) => sample.p50
const p99: Figure = (sample) => sample.p99
/** How much of its core the server used: well below 100 %, it was the client that had no more to ask. */
const busy: Figure = (sample) => (sample.cpuUs * sample.requestsPerSecond) / 1e4

const ABSOLUTE: readonly Column[] = [
  absolute('CPU µs', cpuUs, 1),
  absolute('requests/s', throughput, 0),
  absolute('p50 ms', p50, 2),
  absolute('p99 ms', p99, 2),
  absolute('server busy %', busy, 0),
  absolute('Redis commands per 100', (sample) => sample.redisCommands, 1),
  absolute('Redis CPU µs', (sample) => sample.redisCpuUs, 1),
]

const AT_FULL_SPEED: readonly Column[] = [
  ratio('CPU per request', cpuUs),
  ratio('throughput', throughput),
  ratio('p50', p50),
  ratio('p99', p99),
  ...ABSOLUTE,
]

/** Throughput is what was asked for. */
const AT_FIXED_RATE: readonly Column[] = AT_FULL_SPEED.filter(([title]) => title !== 'throughput')

/** When, and on what. */
export function machineLine(): string {
  return `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`
}

/** What was run, when, and on what. */
export function heading(command: string, { rounds, seconds }: Plan): string {
  const cores = canPin
    ? 'the server on one core, client and Redis on another'
    : 'server, client and Redis wherever the system put them'
  return [
    `${machineLine()}; ${cores}.`,
    `\`${command}\`: ${rounds} rounds of ${seconds} s, all subjects by turns.`,
    '',
    'Ratios are to the first subject, paired by round: median (least to most). All else is the median of the rounds.',
    'Other machines give other numbers: run it on yours.',
  ].join('\n')
}

export function cellReport({ connections, tenants, atFullSpeed, atFixedRate }: CellResult): string {
  const title = `## ${count(connections, 'connection')}, ${count(tenants, 'tenant')}`
  const parts = [title, 'As fast as it goes (a closed loop):', samplesTable(atFullSpeed, AT_FULL_SPEED)]
  if (atFixedRate !== undefined) {
    parts.push(
      `${atFixedRate.perSecond} requests per second, by chance (an open loop):`,
      samplesTable(atFixedRate.samples, AT_FIXED_RATE),
    )
  }
  return parts.join('\n\n')
}

/** @param bytes of each subject, per tenant */
export function bytesReport(
  bytes: Readonly<Record<string, number>>,
  { tenants, ofTenant }: { tenants: number; ofTenant: number },
): string {
  const rows = Object.entries(bytes).map(([name, each]) => [
    subjectNamed(name).title,
    each.toFixed(0),
    (each - ofTenant).toFixed(0),
  ])
  return [
    `## Bytes per cached tenant, of ${count(tenants, 'tenant')}`,
    `A tenant itself takes up ${ofTenant.toFixed(0)} bytes.`,
    markdownTable([['', 'bytes per tenant', 'beside the tenant'], ...rows]),
  ].join('\n\n')
}

/** A row for each subject. */
function samplesTable(samples: Samples, columns: readonly Column[]): string {
  const [base = []] = Object.values(samples)
  const rows = Object.entries(samples).map(([name, own]) => [
    subjectNamed(name).title,
    ...columns.map(([, of]) => of(own, base)),
  ])
  return markdownTable([['', ...columns.map(([title]) => title)], ...rows])
}

export function markdownTable(rows: readonly (readonly string[])[]): string {
  const widths =
    rows[0]?.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const [head = '', ...body] = rows.map((row) =>
    line(row.map((cell, column) => cell.padEnd(widths[column] ?? 0))),
  )
  return [head, line(widths.map((width) => '-'.repeat(width))), ...body].join('\n')
}

function ratio(title: string, figure: Figure): Column {
  return [title, (own, base) => ratioText(own.map(figure), base.map(figure))]
}

/** The ratios of `own` to `base`, paired by round: median (least to most). */
export function ratioText(own: readonly number[], base: readonly number[]): string {
  const { middle, least, most } = pairedRatios(own, base)
  return `${middle.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`
}

function absolute(title: string, figure: Figure, digits: number): Column {
  return [title, (own) => middle(own.map(figure)).toFixed(digits)]
}

function count(number: number, of: string): string {
  return `${number.toLocaleString('en')} ${of}${number === 1 ? '' : 's'}`
}
