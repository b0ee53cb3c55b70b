import type { FloodOptions } from './flood-options.ts'
import type { FloodOutcome } from './flooder.ts'
import type { Sample } from './measure.ts'
import { machineLine, markdownTable, ratioText } from './report.ts'
import { middle } from './statistics.ts'
import { subjectNamed } from './subjects/index.ts'

/** One round of one subject. */
export interface FloodRound {
  /** Of the requests for tenants. */
  readonly without: Sample
  readonly beside: Sample
  readonly flood: FloodOutcome
}

/** What was run, when, and on what. */
export function floodHeading(command: string, options: FloodOptions): string {
  const { tenants, connections, rate, flood, rounds, seconds } = options
  return [
    `${machineLine()}.`,
    `\`${command}\`: ${rounds} rounds of ${seconds} s without a flood and ${seconds} s beside it, by turns.`,
    '',
    `${rate} requests per second for ${tenants} tenants, through ${connections} connections, by chance (an open loop);`,
    `the flood: ${flood} requests per second from a process of its own, each for another host that is nobody's.`,
    'Ratios are those of the requests for tenants, beside the flood to without it, paired by round: median (least to most).',
    'All else is the median of the rounds. Other machines give other numbers: run it on yours.',
  ].join('\n')
}

/** A row for each subject. */
export function floodReport(rounds: Readonly<Record<string, readonly FloodRound[]>>): string {
  const head = [
    '',
    'p99',
    'p50',
    'throughput',
    'p99 ms without',
    'p99 ms beside',
    'server busy % without',
    'server busy % beside',
    'flood answered/s',
    'of these 404 %',
    'of these 503 %',
  ]
  return markdownTable([head, ...Object.entries(rounds).map(([name, own]) => rowOf(name, own))])
}

function rowOf(name: string, rounds: readonly FloodRound[]): string[] {
  const figures = (which: 'without' | 'beside', figure: (sample: Sample) => number) =>
    rounds.map((round) => figure(round[which]))
  const ratio = (figure: (sample: Sample) => number) =>
    ratioText(figures('beside', figure), figures('without', figure))
  const share = (status: number) =>
    middle(rounds.map(({ flood }) => ((flood.answers[status] ?? 0) / answered(flood)) * 100)).toFixed(0)
  const p99 = (sample: Sample) => sample.p99
  const throughput = (sample: Sample) => sample.requestsPerSecond
  // The CPU time is divided by the requests for tenants, also where there were others.
  const busy = (sample: Sample) => (sample.cpuUs * sample.requestsPerSecond) / 1e4
  return [
    subjectNamed(name).title,
    ratio(p99),
    ratio((sample) => sample.p50),
    ratio(throughput),
    middle(figures('without', p99)).toFixed(2),
    middle(figures('beside', p99)).toFixed(2),
    middle(figures('without', busy)).toFixed(0),
    middle(figures('beside', busy)).toFixed(0),
    middle(rounds.map(({ flood }) => (answered(flood) / flood.tookMs) * 1000)).toFixed(0),
    share(404),
    share(503),
  ]
}

function answered({ answers }: FloodOutcome): number {
  return Object.values(answers).reduce((total, count) => total + count, 0)
}
