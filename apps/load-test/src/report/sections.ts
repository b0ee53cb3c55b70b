import { printable } from '@tenantry/app-support'
import type { Results } from '../results.ts'
import { dataTable } from './data-table.ts'
import { type Html, html } from './html.ts'
import { type Row, settingsOf, summaryOf } from './summary.ts'
import { count, counted, milliseconds, percent, seconds } from './units.ts'
import { verdictOf } from './verdict.ts'

/** What is never to be found in an answer, and what each word means. */
const KINDS = [
  ['stale', 'older than a restart that had resolved before'],
  ['failed', 'without an answer, or with another status than 200'],
  ['torn', 'two tenants, or two builds of one, in one answer'],
  ['wrong', 'another tenant than the one that was asked for'],
] as const

const SIGNS = { good: '✓', unsure: '!', bad: '✕' } as const

export function head(results: Results): Html {
  const { word, tone, sentence } = verdictOf(results)
  const { requests, requestsPerSecond, latency, restarts, convergence, scene, settings } = results
  const figures: readonly (readonly [string, string])[] = [
    [count(requests), 'requests'],
    [count(requestsPerSecond), 'requests a second'],
    [milliseconds(latency.p50), 'median latency'],
    [milliseconds(latency.p99), 'p99 latency'],
    [count(restarts.plain + restarts.changes), 'restarts'],
    [
      convergence.last.count === 0 ? '–' : milliseconds(convergence.last.p50),
      'from a restart to the last replica, median',
    ],
  ]
  const verdict = ([kind, meaning]: (typeof KINDS)[number]) => {
    const number = results.verdicts[kind]
    const look = number === 0 ? 'none' : kind === 'failed' ? 'unsure' : 'bad'
    return html`<div class="${look}"><dt>${kind}</dt><dd><strong>${count(number)}</strong>
<span class="meaning">${meaning}</span></dd></div>`
  }
  return html`<header>
<p class="brand">Tenantry <span>load test</span></p>
<h1 class="${tone}"><span class="sign" aria-hidden="true">${SIGNS[tone]}</span>${word}</h1>
<p class="sentence">${sentence}</p>
<p class="quiet">${printable(scene)}: ${settingsOf(settings).join(', ')}.</p>
<dl class="verdicts">
${KINDS.map(verdict)}
</dl>
<dl class="figures">
${figures.map(([value, name]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
</dl>
</header>`
}

export function summary(results: Results): Html {
  const row = ({ name, value, note }: Row) =>
    html`<div><dt>${name}</dt><dd><strong>${value}</strong> <span class="quiet">${note}</span></dd></div>`
  const cards = summaryOf(results).map(
    ({ title, rows }) => html`<section class="card"><h2>${title}</h2>
<dl class="rows">
${rows.map(row)}
</dl></section>`,
  )
  return html`<div class="cards">
${cards}
</div>`
}

export function findings({ findings }: Results): Html {
  if (findings.length === 0) return html``
  return html`<section class="card findings"><h2>The first findings</h2>
${dataTable({
  label: 'The first findings',
  columns: [
    { name: 'At', kind: 'number' },
    { name: 'Kind' },
    { name: 'Tenant' },
    { name: 'Replica' },
    { name: 'What was expected, what came', kind: 'message' },
  ],
  rows: findings.map(({ at, kind, tenant, replica = '–', message }) => [
    seconds(at),
    kind,
    tenant,
    replica,
    message,
  ]),
})}
</section>`
}

export function replicas({ cost, requests }: Results): Html {
  if (cost.replicas.length === 0) return html``
  return html`<section class="card"><h2>Replicas</h2>
${dataTable({
  label: 'Replicas',
  columns: [{ name: 'Replica' }, { name: 'Answers', kind: 'number' }, { name: 'Share', kind: 'number' }],
  rows: cost.replicas.map(({ name, answers }) => [name, count(answers), percent(answers, requests)]),
})}
</section>`
}

export function run({ startedAt, machine, command }: Results): Html {
  const { cpuModel, cpus, platform, node } = machine
  const started = startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')
  return html`<section class="card"><h2>How it was run</h2>
<dl class="rows">
<div><dt>Started</dt><dd><time datetime="${startedAt}">${started}</time></dd></div>
<div><dt>Machine</dt><dd>${cpuModel}, ${counted(cpus, 'core')}, ${platform}, Node ${node}</dd></div>
<div><dt>Command</dt><dd><code>${printable(command)}</code></dd></div>
</dl></section>`
}
