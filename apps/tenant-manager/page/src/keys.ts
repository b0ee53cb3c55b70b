import type { Page } from './page.ts'
import { FIRST_REPLICA_COLUMN, type Position } from './view-state.ts'

/** What each key does, as the page explains it. */
export const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ['↑ ↓ ← →', 'move in the grid'],
  ['Home, End', 'first and last column; with Ctrl, first and last tenant'],
  ['Page Up, Page Down', 'a screenful of tenants'],
  ['Space', 'select the tenant; with Shift, all from the last one selected'],
  ['Ctrl A', 'select all tenants shown'],
  ['Enter', 'open the tenant'],
  ['r', 'restart the selected tenants, or the one that you are on; before more than one, it asks'],
  ['o', 'open the tenant’s site'],
  ['n', 'a new tenant'],
  ['/', 'search'],
  ['Esc', 'close; in the search, empty it'],
  ['?', 'these keys'],
]

/** Where a key in the grid takes the focus; undefined: nowhere. */
export function move(
  event: KeyboardEvent,
  { page, screenful }: { page: Page; screenful: number },
): Position | undefined {
  const { view, board } = page
  const tenants = view.shown.value
  const lastColumn = FIRST_REPLICA_COLUMN + board.replicas.value.length - 1
  const active = view.active.value
  const row = Math.max(
    0,
    tenants.findIndex(({ id }) => id === active?.id),
  )
  const column = active?.column ?? 1
  const far = event.ctrlKey || event.metaKey

  switch (event.key) {
    case 'ArrowUp':
      return at(row - 1, column)
    case 'ArrowDown':
      return at(row + 1, column)
    case 'ArrowLeft':
      return at(row, column - 1)
    case 'ArrowRight':
      return at(row, column + 1)
    case 'PageUp':
      return at(row - screenful, column)
    case 'PageDown':
      return at(row + screenful, column)
    case 'Home':
      return far ? at(0, column) : at(row, 0)
    case 'End':
      return far ? at(tenants.length - 1, column) : at(row, lastColumn)
    default:
      return undefined
  }

  function at(row: number, column: number): Position | undefined {
    const tenant = tenants[Math.min(Math.max(row, 0), tenants.length - 1)]
    return tenant && { id: tenant.id, column: Math.min(Math.max(column, 0), lastColumn) }
  }
}

/** Whether the key is being typed into something. */
export function isTyping({ target }: Event): boolean {
  return target instanceof Element && target.closest('input:not([type=checkbox]), textarea, select') !== null
}
