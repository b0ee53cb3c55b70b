import { printable } from '@tenantry/app-support'
import { type Html, html } from './html.ts'

interface TableColumn {
  readonly name: string
  /** Default: a short text, which is not broken. */
  readonly kind?: 'number' | 'message'
  /** How a chart draws it. */
  readonly look?: string
}

export interface DataTable {
  /** For those who do not see where it stands. */
  readonly label: string
  readonly columns: readonly TableColumn[]
  readonly rows: readonly (readonly string[])[]
}

/** A table in a frame of its own, so that it scrolls where the page is too narrow for it, by keyboard, too. */
export function dataTable({ label, columns, rows }: DataTable): Html {
  const kinds = columns.map(({ kind }) => (kind === undefined ? undefined : html` class="${kind}"`))
  const look = (column: TableColumn) =>
    column.look === undefined ? undefined : html` data-look="${column.look}"`
  return html`<div class="scroller" tabindex="0" role="region" aria-label="${label}"><table>
<thead><tr>
${columns.map((column, index) => html`<th scope="col"${kinds[index]}${look(column)}>${column.name}</th>`)}
</tr></thead>
<tbody>
${rows.map((cells) => html`<tr>${cells.map((cell, index) => html`<td${kinds[index]}>${printable(cell)}</td>`)}</tr>`)}
</tbody></table></div>`
}
