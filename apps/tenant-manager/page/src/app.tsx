import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { Dialogs } from './dialogs.tsx'
import { Grid } from './grid.tsx'
import { isTyping } from './keys.ts'
import { NoticeList } from './notice-list.tsx'
import { usePage } from './page.ts'
import { Readout } from './readout.tsx'
import { Sidebar } from './sidebar.tsx'
import { Status } from './status.tsx'
import { Summary } from './summary.tsx'
import { Toolbar } from './toolbar.tsx'
import { TROUBLES } from './view-state.ts'

/** The page. */
export function App(): JSX.Element {
  const { board, view, credentials } = usePage()

  useEffect(() => {
    addEventListener('keydown', shortcut)
    return () => removeEventListener('keydown', shortcut)
  }, [])

  return (
    <>
      <header class="top">
        <h1>
          <span class="logo" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          Tenantry
        </h1>
        <Status />
        <button type="button" class="plain who" onClick={() => open('operator')}>
          <bdi>{credentials.operator.value === '' ? 'Who are you?' : credentials.operator.value}</bdi>
        </button>
        <button type="button" class="plain keys-hint" aria-label="Keys" onClick={() => open('keys')}>
          ?
        </button>
      </header>
      <main>
        <div class="board">
          <Summary />
          <Toolbar />
          <Body />
          <Readout />
        </div>
        {board.loaded.value && <Sidebar />}
      </main>
      <NoticeList />
      <Dialogs />
    </>
  )

  function open(kind: 'operator' | 'keys'): void {
    view.dialog.value = { kind }
  }

  function shortcut(event: KeyboardEvent): void {
    const covered = view.dialog.value !== undefined || credentials.asked.value !== undefined
    if (covered || event.ctrlKey || event.metaKey || event.altKey) return
    const search = document.getElementById('search') as HTMLInputElement
    if (event.key === 'Escape' && event.target === search) view.search.value = ''
    if (isTyping(event)) return
    if (event.key === '/') search.focus()
    else if (event.key === '?') open('keys')
    else if (event.key === 'n') view.dialog.value = { kind: 'new-tenant' }
    else return
    event.preventDefault()
  }
}

function Body(): JSX.Element {
  const { board, view } = usePage()
  if (!board.loaded.value) return <p class="empty">Reading the tenants …</p>
  if (board.tenants.value.length === 0) return <NoTenants />
  if (view.shown.value.length > 0) return <Grid />
  const only = view.only.value
  return (
    <div class="empty">
      <p>
        No {only === undefined ? 'tenant' : `tenant that a replica ${TROUBLES[only]} with`}
        {view.search.value !== '' && (
          <>
            {' '}
            matches <q>{view.search}</q>
          </>
        )}
        {view.search.value === '' && ', at this moment'}.
      </p>
      <button type="button" onClick={() => view.showAll()}>
        Show all
      </button>
    </div>
  )
}

function NoTenants(): JSX.Element {
  const { view } = usePage()
  return (
    <div class="empty">
      <h2>No tenants yet</h2>
      <p>
        A tenant has an id, a name, the host names that it answers to, and a configuration. Once it exists,
        every replica serves it from the next request on.
      </p>
      <button
        type="button"
        class="primary"
        onClick={() => {
          view.dialog.value = { kind: 'new-tenant' }
        }}
      >
        Create the first tenant
      </button>
    </div>
  )
}
