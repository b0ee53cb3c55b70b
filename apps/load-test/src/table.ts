import { printable } from '@tenantry/app-support'
import { disturbanceText, settingsOf, summaryOf } from './report/summary.ts'
import { count, seconds } from './report/units.ts'
import { verdictOf } from './report/verdict.ts'
import type { Disturbance, Finding, Results } from './results.ts'

const COLUMNS = 100
const FINDINGS = 8

/** Results for a terminal, at most 100 columns wide. */
export function table(results: Results): string {
  const { word, counts, sentence } = verdictOf(results)
  const sections = summaryOf(results)
  const widest = (cell: (row: (typeof sections)[number]['rows'][number]) => string) =>
    Math.max(...sections.flatMap(({ rows }) => rows.map((row) => cell(row).length)))
  const names = widest(({ name }) => name)
  const values = widest(({ value }) => value)

  const lines = [`${word.toUpperCase()}: ${counts}`, ...wrapped(sentence, 0), '']
  lines.push(...wrapped(printable(results.scene), 0), ...wrapped(settingsOf(results.settings).join(', '), 0))
  for (const { title, rows } of sections) {
    lines.push('', title)
    for (const { name, value, note } of rows) {
      const start = `  ${name.padEnd(names)}  ${value.padEnd(values)}`
      lines.push(...wrapped(`${start}  ${note ?? ''}`, start.length + 2))
    }
  }
  return [...lines, ...disturbances(results.disturbances), ...findings(results.findings)].join('\n')
}

function disturbances(all: readonly Disturbance[]): string[] {
  if (all.length === 0) return []
  const line = (each: Disturbance) =>
    wrapped(`  ${seconds(each.from)} to ${seconds(each.to)}: ${disturbanceText(each)}`, 4)
  return ['', 'What was done to it', ...all.flatMap(line)]
}

function findings(all: readonly Finding[]): string[] {
  if (all.length === 0) return []
  const lines = ['', 'First findings']
  for (const { at, kind, tenant, replica, message } of all.slice(0, FINDINGS)) {
    const where = replica === undefined ? '' : ` on ${printable(replica)}`
    lines.push(
      ...wrapped(`  ${seconds(at)}  ${kind}  ${printable(tenant)}${where}: ${printable(message)}`, 4),
    )
  }
  if (all.length > FINDINGS) lines.push(`  and ${count(all.length - FINDINGS)} more in the files`)
  return lines
}

/** Breaks a line between words, and a word that is longer than a line anywhere; what follows is indented. */
function wrapped(line: string, indent: number): string[] {
  const lines: string[] = []
  let rest = line.trimEnd()
  while (rest.length > COLUMNS) {
    const space = rest.lastIndexOf(' ', COLUMNS)
    const end = space > indent ? space : COLUMNS
    lines.push(rest.slice(0, end).trimEnd())
    rest = ' '.repeat(indent) + rest.slice(end).trimStart()
  }
  lines.push(rest)
  return lines
}
