import type { JSX } from 'preact'
import type { Cell as CellData } from '../../src/api.ts'
import { ago } from './ages.ts'
import type { PlacedCell } from './board-state.ts'

/** How long a cell shows that it has just changed. */
const FRESH_MS = 900

export interface CellProps {
  readonly replica: string
  readonly placed: PlacedCell | undefined
  readonly column: number
  readonly focusable: boolean
}

/** One tenant on one replica. */
export function Cell({ replica, placed, column, focusable }: CellProps): JSX.Element {
  return (
    <td
      class="cell"
      aria-colindex={column + 1}
      aria-label={`${replica}: ${describe(placed?.cell)}`}
      data-column={column}
      tabIndex={focusable ? 0 : -1}
    >
      <Mark placed={placed} />
    </td>
  )
}

/** The colour of a stamp, and the shape of a state: neither is told by colour alone. */
export function Mark({ placed }: { placed: PlacedCell | undefined }): JSX.Element {
  if (placed === undefined) return <i class="mark not-loaded" />
  const { cell, colour, changedAt } = placed
  const fresh = changedAt > 0 && performance.now() - changedAt < FRESH_MS
  return (
    <i
      // A new element for a new stamp, so that its animation runs once more; and for nothing else: a browser tells no
      // click of what is replaced while it is pressed.
      key={changedAt}
      class={`mark ${cell.state} ${colour.tone}${fresh ? ' fresh' : ''}`}
      style={{ '--hue': colour.hue }}
    />
  )
}

/** The words for a cell. */
export function describe(cell: CellData | undefined): string {
  if (cell === undefined) return 'not loaded'
  const { state, at, reason } = cell
  if (state === 'failed') return `failed ${ago(at)}${reason === undefined ? '' : `: ${reason}`}`
  return `${state}, built ${ago(at)}`
}
