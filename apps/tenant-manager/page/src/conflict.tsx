import type { JSX } from 'preact'
import type { Tenant } from '../../src/api.ts'
import { changesOf, type JsonChange } from './json-changes.ts'
import type { TenantEditor } from './tenant-editor.ts'

/** Somebody else has saved first: what they have changed, and what can be done about it. */
export function Conflict({ editor, theirs }: { editor: TenantEditor; theirs: Tenant }): JSX.Element {
  const base = editor.base.value as Tenant
  const changes = [...changesOf(base.name, theirs.name, '/name'), ...changesOf(base.config, theirs.config)]
  return (
    <div class="alert conflict" role="alert">
      <p>
        <b>Somebody else has saved version {theirs.version}.</b> You are typing over version {base.version}.
        Nothing of yours is lost. They changed:
      </p>
      <ul>
        {changes.slice(0, 20).map((change) => (
          <Change key={change.path} change={change} />
        ))}
      </ul>
      {changes.length > 20 && <p>… and {changes.length - 20} more.</p>}
      <footer>
        <button type="button" onClick={() => editor.takeTheirs()}>
          Take theirs, set mine aside
        </button>
        <button type="button" onClick={() => editor.keepMine()}>
          Keep mine, over theirs
        </button>
      </footer>
    </div>
  )
}

function Change({ change: { path, from, to } }: { change: JsonChange }): JSX.Element {
  return (
    <li>
      <code>{path === '' ? 'all of it' : path.slice(1).replaceAll('/', '.')}</code>{' '}
      {from === undefined ? 'added: ' : <del>{brief(from)}</del>}{' '}
      {to === undefined ? 'removed' : <ins>{brief(to)}</ins>}
    </li>
  )
}

function brief(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
