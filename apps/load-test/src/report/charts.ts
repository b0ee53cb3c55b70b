import type { Disturbance, Moment, Results } from '../results.ts'
import { type FigureColumn, figure, type Look } from './figure.ts'
import { type Html, html } from './html.ts'
import { disturbanceText } from './summary.ts'
import { count, milliseconds, percent, scaled, seconds } from './units.ts'

type Timeline = readonly Moment[]

/** From so many times the median on, a linear axis would press the median down to the bottom. */
const LOGARITHMIC_FROM = 25

/** "0.5", "20", "2,000": edges are round. */
const EDGE = new Intl.NumberFormat('en-US')

export function charts(results: Results): Html {
  const { timeline, disturbances } = results
  return html`${timeline.length === 0 ? undefined : timeCharts(timeline, disturbances)}
${results.convergence.last.count === 0 ? undefined : convergence(results)}`
}

function timeCharts(timeline: Timeline, disturbances: readonly Disturbance[]): Html {
  const column = (name: string, look: Look, cell: (moment: Moment) => string): FigureColumn => ({
    name,
    look,
    cells: timeline.map(cell),
  })
  const second = { name: 'Second', cells: timeline.map(({ at }) => String(Math.round(10 * at) / 10)) }
  const restarts = column('Restarts', 'bars', (moment) => count(moment.restarts))
  const marks = (name: string, look: Look, number: (moment: Moment) => number) =>
    timeline.some((moment) => number(moment) > 0)
      ? [column(name, look, (moment) => count(number(moment)))]
      : []
  const logarithmic = isSpiky(timeline)

  return html`<section aria-labelledby="time">
<h2 id="time">Second by second</h2>
${figure({
  id: 'throughput',
  title: 'Throughput',
  unit: 'requests a second',
  caption: 'Requests that ended in each second, and the restarts of tenants meanwhile.',
  kind: 'time',
  columns: [
    second,
    column('Requests', 'area', ({ requests }) => count(requests)),
    restarts,
    ...marks('Failed', 'cross', ({ failed }) => failed),
    ...marks('Stale', 'triangle', ({ stale }) => stale),
    ...marks('Old, and allowed to be', 'old', ({ allowedOld }) => allowedOld),
  ],
})}
${figure({
  id: 'latency',
  title: 'Latency',
  unit: 'milliseconds',
  caption: [
    'Half of a second’s answers came within the median, 99 of 100 within p99.',
    ...(logarithmic ? ['The axis is logarithmic.'] : []),
  ].join(' '),
  kind: 'time',
  logarithmic,
  columns: [
    second,
    column('Median, ms', 'line', ({ p50 }) => (p50 === null ? '–' : scaled(p50))),
    column('p99, ms', 'dashed', ({ p99 }) => (p99 === null ? '–' : scaled(p99))),
    restarts,
  ],
})}
${disturbances.length === 0 ? undefined : bands(disturbances)}
</section>`
}

/** What the bands in the charts are, in the order of their numbers. */
function bands(disturbances: readonly Disturbance[]): Html {
  const band = (
    each: Disturbance,
  ) => html`<li data-from="${each.from}" data-to="${each.to}" data-kind="${each.kind}">
${disturbanceText(each)} <span class="quiet">${seconds(each.from)} to ${seconds(each.to)}</span></li>`
  return html`<div class="bands"><h3>What was done to it</h3>
<ol>
${disturbances.map(band)}
</ol></div>`
}

function convergence({ convergence: { histogram, last } }: Results): Html {
  const total = histogram.reduce((sum, { restarts }) => sum + restarts, 0)
  return html`<section aria-labelledby="converged">
<h2 id="converged">Convergence</h2>
${figure({
  id: 'convergence',
  title: 'From a restart to the last replica',
  unit: 'restarts',
  caption:
    'Until every replica that was serving had answered by a tenant built after it: ' +
    `median ${milliseconds(last.p50)}, p99 ${milliseconds(last.p99)}, longest ${milliseconds(last.max)}.`,
  kind: 'histogram',
  columns: [
    {
      name: 'Within, ms',
      cells: histogram.map(({ upToMs }) => (upToMs === null ? 'longer' : EDGE.format(upToMs))),
    },
    { name: 'Restarts', look: 'bars', cells: histogram.map(({ restarts }) => count(restarts)) },
    { name: 'Share', cells: histogram.map(({ restarts }) => percent(restarts, total)) },
  ],
})}
</section>`
}

function isSpiky(timeline: Timeline): boolean {
  const medians = timeline.map(({ p50 }) => p50 ?? 0).filter((ms) => ms > 0)
  const median = medians.sort((one, other) => one - other)[Math.floor(medians.length / 2)]
  return median !== undefined && timeline.some(({ p99 }) => (p99 ?? 0) > LOGARITHMIC_FROM * median)
}
