import type { JSX } from 'preact'
import { usePage } from './page.ts'

/** Search, and what can be done with what is found and selected. */
export function Toolbar(): JSX.Element {
  const { view, actions, board } = usePage()
  const selected = view.selected.value
  const hidden = view.hidden(selected)
  const none = board.tenants.value.length === 0
  return (
    <div class="toolbar" role="toolbar" aria-label="Tenants">
      <span class="search">
        <input
          id="search"
          type="search"
          placeholder="Search tenants"
          aria-label="Search by id, name or host name"
          autocomplete="off"
          spellcheck={false}
          value={view.search.value}
          onInput={(event) => {
            view.search.value = event.currentTarget.value
          }}
          onKeyDown={(event) => {
            if (event.key === 'ArrowDown') focusGrid()
          }}
        />
        <span class="key" aria-hidden="true">
          /
        </span>
      </span>
      <span class="selection" aria-live="polite">
        {selected.length > 0 && (
          <>
            {selected.length} selected{hidden > 0 && `, ${hidden} not shown`}
            <button type="button" class="plain" onClick={() => view.clearSelection()}>
              Clear
            </button>
          </>
        )}
      </span>
      <button type="button" disabled={selected.length === 0} onClick={() => actions.askToRestart(selected)}>
        {selected.length > 1 ? `Restart ${selected.length}…` : 'Restart'}
      </button>
      <button
        type="button"
        disabled={none}
        onClick={() => {
          view.dialog.value = { kind: 'restart' }
        }}
      >
        Restart all…
      </button>
      <button
        type="button"
        class="primary"
        onClick={() => {
          view.dialog.value = { kind: 'new-tenant' }
        }}
      >
        New tenant
      </button>
    </div>
  )
}

function focusGrid(): void {
  document.querySelector<HTMLElement>('[role=grid] [data-id] > [tabindex="0"]')?.focus()
}
