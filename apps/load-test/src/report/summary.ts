import { printable } from '@tenantry/app-support'
import type { Disturbance, Results, Settings, Spread } from '../results.ts'
import { count, counted, milliseconds, percent, scaled, seconds } from './units.ts'

/** What the table and the page both say of a run. */
export interface Section {
  readonly title: string
  readonly rows: readonly Row[]
}

export interface Row {
  readonly name: string
  /** What matters, in a few words. */
  readonly value: string
  /** What else is to be known of it. */
  readonly note?: string
}

const UNKNOWN = 'could not be asked for'

/** What was done to it is not among them. Sections that have nothing to say are left out. */
export function summaryOf(results: Results): readonly Section[] {
  return [
    { title: 'Throughput and latency', rows: speed(results) },
    { title: 'Restarts', rows: restarts(results) },
    { title: 'What it cost', rows: cost(results) },
    { title: 'Answers that were older, and allowed to be', rows: allowed(results) },
    { title: 'Failed requests', rows: failed(results) },
    { title: 'What should have been done to it', rows: notDone(results) },
  ].filter(({ rows }) => rows.length > 0)
}

/** "64 connections", "100 tenants", … */
export function settingsOf(settings: Settings): readonly string[] {
  const { connections, tenants, requests, seconds: length, restartEveryMs, maxAgeMs } = settings
  return [
    counted(connections, 'connection'),
    counted(tenants, 'tenant'),
    `a restart every ${count(restartEveryMs)} ms`,
    maxAgeMs === 0 ? 'every request checked' : `checks up to ${count(maxAgeMs)} ms old`,
    requests !== undefined
      ? `until ${counted(requests, 'request')} had ended`
      : length !== undefined
        ? `for ${count(length)} s`
        : 'until it was stopped',
  ]
}

/** "replica-3 was killed" */
export function disturbanceText({ kind, subject }: Disturbance): string {
  const replica = subject === undefined ? 'a replica' : printable(subject)
  if (kind === 'outage') return 'the store was kept away'
  return `${replica} was ${{ add: 'added', remove: 'removed', kill: 'killed' }[kind]}`
}

function speed({ requests, requestsPerSecond, seconds: length, latency }: Results): Row[] {
  const { mean, p50, p90, p99, p999, max } = latency
  const rest = `p90 ${milliseconds(p90)}, p99.9 ${milliseconds(p999)}, longest ${milliseconds(max)}`
  return [
    {
      name: 'Throughput',
      value: `${count(requestsPerSecond)} requests/s`,
      note: `${counted(requests, 'request')} in ${seconds(length)}`,
    },
    { name: 'Latency, median', value: milliseconds(p50), note: `mean ${milliseconds(mean)}` },
    { name: 'Latency, p99', value: milliseconds(p99), note: rest },
  ]
}

function restarts({ restarts: { plain, changes, pending, failed }, convergence }: Results): Row[] {
  const rows: Row[] = [
    {
      name: 'Restarts',
      value: count(plain + changes),
      note: `${count(plain)} plain, ${count(changes)} with a changed configuration`,
    },
  ]
  if (pending > 0) {
    rows.push({ name: 'Written later', value: count(pending), note: 'the manager answered 202: committed' })
  }
  if (failed > 0) rows.push({ name: 'Not restarted', value: count(failed), note: 'refused, or not answered' })
  rows.push(spread('Until the first new answer', convergence.first))
  rows.push(spread('Until the last replica', convergence.last))
  if (convergence.open > 0) {
    const note = 'when the run ended: a replica that was serving had not shown them yet'
    rows.push({ name: 'Not at every replica', value: count(convergence.open), note })
  }
  return rows
}

/** The median and the rest, of how many. */
function spread(name: string, { count: number, p50, p99, max }: Spread): Row {
  if (number === 0) return { name, value: 'never seen' }
  return {
    name,
    value: `${milliseconds(p50)} median`,
    note: `p99 ${milliseconds(p99)}, longest ${milliseconds(max)}, of ${counted(number, 'restart')}`,
  }
}

function cost({ cost, requests, restarts: { plain, changes } }: Results): Row[] {
  const { builds, loads, lookups, redisPer100Requests, redisCommands, replicaCpuUs } = cost
  const reads = loads === undefined || lookups === undefined ? undefined : loads + lookups
  return [
    row('Builds', builds, {
      show: count,
      note: (number) =>
        `${scaled(number / Math.max(1, plain + changes))} for each restart, on all replicas, ` +
        'with the first build of each tenant',
    }),
    row('Reads of the authority', reads, {
      show: count,
      note: (number) =>
        `${counted(loads ?? 0, 'load')}, ${counted(lookups ?? 0, 'lookup')}; ` +
        `${scaled((100 * number) / Math.max(1, requests))} for 100 requests`,
    }),
    row('Redis commands', redisPer100Requests, {
      show: scaled,
      note: () => ['for 100 requests', ...commands(redisCommands ?? [])].join(', '),
    }),
    row('CPU of the replicas', replicaCpuUs, {
      show: (number) => `${scaled(number)} µs`,
      note: () => 'for each request',
    }),
  ]
}

function row(
  name: string,
  number: number | undefined,
  { show, note }: { show: (number: number) => string; note: (number: number) => string },
): Row {
  if (number === undefined) return { name, value: UNKNOWN }
  return { name, value: show(number), note: note(number) }
}

/** The busiest: "MGET 98.7 %". */
function commands(all: readonly { readonly command: string; readonly calls: number }[]): string[] {
  const total = all.reduce((sum, { calls }) => sum + calls, 0)
  return all
    .slice(0, 2)
    .map(({ command, calls }) => `${printable(command).toUpperCase()} ${percent(calls, total)}`)
}

function allowed({ allowed, settings, disturbances }: Results): Row[] {
  const rows: Row[] = []
  if (settings.maxAgeMs > 0) {
    const value = counted(allowed.withinMaxAge, 'answer')
    const note = oldest(allowed.withinMaxAge, allowed.oldestWithinMaxAgeMs)
    rows.push({ name: 'Within the age of a check', value, note })
  }
  if (allowed.duringOutage > 0 || disturbances.some(({ kind }) => kind === 'outage')) {
    const value = counted(allowed.duringOutage, 'answer')
    const note = oldest(allowed.duringOutage, allowed.oldestOutageMs)
    rows.push({ name: 'While the store was away', value, note })
  }
  if (allowed.claimed > 0) {
    const note = 'the store had lost a token: a restart without a change may have been missed'
    rows.push({ name: 'Under a claimed token', value: counted(allowed.claimed, 'answer'), note })
  }
  if (allowed.unchecked > 0) {
    const value = counted(allowed.unchecked, 'answer')
    const note = `by itself, and did not check; ${oldest(allowed.unchecked, allowed.oldestUncheckedMs)}`
    rows.push({ name: 'A replica lost the store', value, note })
  }
  return rows
}

function notDone({ notDone }: Results): Row[] {
  if (notDone.length === 0) return []
  const note = 'the run was over before their turn'
  return [{ name: 'Not done', value: notDone.join(', '), note }]
}

function oldest(number: number, ms: number): string {
  return number === 0 ? 'none was needed' : `up to ${milliseconds(ms)} after the restart that it missed`
}

function failed({ verdicts, failures: { byKill, byOutage, unexplained } }: Results): Row[] {
  if (verdicts.failed === 0) return []
  const rows: Row[] = []
  if (byKill > 0) {
    rows.push({ name: 'By a kill', value: count(byKill), note: 'at a replica as it was killed' })
  }
  if (byOutage > 0) {
    const note = '503 while the store was away: the tenant was not in memory'
    rows.push({ name: 'By the outage', value: count(byOutage), note })
  }
  rows.push({ name: 'Unexplained', value: count(unexplained) })
  return rows
}
