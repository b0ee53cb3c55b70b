import { dataTable } from './data-table.ts'
import { type Html, html } from './html.ts'

/** How a series looks, in the chart and beside its name in the legend: no two differ in their colour only. */
export type Look = 'area' | 'line' | 'dashed' | 'bars' | 'cross' | 'triangle' | 'old'

export interface Figure {
  readonly id: string
  readonly title: string
  /** Of the vertical axis. */
  readonly unit: string
  readonly caption: string
  readonly kind: 'time' | 'histogram'
  /** The vertical axis. Default: false. */
  readonly logarithmic?: boolean
  /** The first is the horizontal axis. */
  readonly columns: readonly FigureColumn[]
}

export interface FigureColumn {
  readonly name: string
  /** Undefined: not drawn. */
  readonly look?: Look
  readonly cells: readonly string[]
}

const SWATCHES: Readonly<Record<Look, Html>> = {
  area: html`<path class="fill" d="M0 4h18v8H0z"/><path d="M0 4h18"/>`,
  line: html`<path d="M0 6h18"/>`,
  dashed: html`<path stroke-dasharray="5 3" d="M0 6h18"/>`,
  bars: html`<path class="solid" d="M2 6h4v6H2zM8 3h4v9H8zM14 7h4v5h-4z"/>`,
  cross: html`<path d="M5 2l8 8M13 2l-8 8"/>`,
  triangle: html`<path class="solid" d="M9 1l5.5 10h-11z"/>`,
  old: html`<circle cx="9" cy="6" r="4"/>`,
}

/** A table that the page's script draws as a chart. Where it is not drawn, or not seen, the table can be read. */
export function figure({ id, title, unit, caption, kind, logarithmic, columns }: Figure): Html {
  const legend = columns.flatMap(({ name, look }) =>
    look === undefined ? [] : [html`<li>${swatch(look)}${name} <b></b></li>`],
  )
  const table = dataTable({
    label: `${title} as a table`,
    columns,
    rows: (columns[0]?.cells ?? []).map((_, index) => columns.map(({ cells }) => cells[index] ?? '')),
  })
  return html`<figure id="${id}" data-kind="${kind}"${logarithmic === true ? html` data-log` : undefined}>
<figcaption><h3>${title} <span class="unit quiet">${unit}</span></h3><p>${caption}</p></figcaption>
<div class="legend" hidden><span class="at"></span><ul>
${legend}
</ul></div>
<div class="plot" hidden></div>
<details><summary>${title} as a table</summary>
${table}
</details>
</figure>`
}

function swatch(look: Look): Html {
  return html`<svg class="${look}" viewBox="0 0 18 12" width="18" height="12" aria-hidden="true">
${SWATCHES[look]}</svg>`
}
