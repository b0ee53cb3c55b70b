import type { JSX } from 'preact'
import { usePage } from './page.ts'
import { TROUBLES, type Trouble } from './view-state.ts'

/** The board in one sentence. */
export function Summary(): JSX.Element {
  const { board } = usePage()
  const tenants = board.tenants.value.length
  const total = Math.max(board.total.value, tenants)
  const replicas = board.replicas.value.length
  return (
    <p class="summary">
      <span>
        <b>{count(total)}</b> {total === 1 ? 'tenant' : 'tenants'}
        {total > tenants && ` (the first ${count(tenants)} are shown)`}
      </span>
      <span>
        <b>{count(replicas)}</b> {replicas === 1 ? 'replica' : 'replicas'}
      </span>
      <Only trouble="behind" cells={board.behind.value} />
      <Only trouble="failed" cells={board.failed.value} />
      {board.notLoaded.value > 0 && (
        <span class="quiet" title="They are built at their next request">
          <b>{count(board.notLoaded.value)}</b> not loaded
        </span>
      )}
    </p>
  )
}

/** How many cells are in trouble; shows their tenants only, until it is pressed again. */
function Only({ trouble, cells }: { trouble: Trouble; cells: number }): JSX.Element {
  const { view } = usePage()
  const pressed = view.only.value === trouble
  const colour = { behind: 'waits', failed: 'bad' }[trouble]
  return (
    <button
      type="button"
      class={`plain only ${cells > 0 ? colour : 'quiet'}`}
      aria-pressed={pressed}
      disabled={cells === 0 && !pressed}
      title={pressed ? 'Show all tenants' : `Show only tenants that a replica ${TROUBLES[trouble]} with`}
      onClick={() => {
        view.only.value = pressed ? undefined : trouble
      }}
    >
      <b>{count(cells)}</b> {trouble}
    </button>
  )
}

function count(number: number): string {
  return number.toLocaleString('en')
}
