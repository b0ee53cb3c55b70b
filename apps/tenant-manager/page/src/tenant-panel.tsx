import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { ConfigEditor } from './config-editor.tsx'
import { Conflict } from './conflict.tsx'
import { DeleteTenant } from './delete-tenant.tsx'
import { History } from './history.tsx'
import { Hostnames } from './hostnames.tsx'
import { Modal } from './modal.tsx'
import { usePage } from './page.ts'
import { ReplicaStates } from './replica-states.tsx'
import { TenantEditor } from './tenant-editor.ts'

export interface TenantPanelProps {
  readonly id: string
  readonly onClose: () => void
}

/** Everything about one tenant. */
export function TenantPanel({ id, onClose }: TenantPanelProps): JSX.Element {
  const page = usePage()
  const editor = useMemo(() => new TenantEditor(page, id), [id])
  const listed = page.board.tenant(id)
  const wasListed = useRef(false)

  useEffect(() => () => editor.dispose(), [editor])
  // Whenever the board has another version of it: the panel may be the last to know. One that has left the board
  // needs no question; one that has never been there may be beyond what the board holds.
  useEffect(() => {
    if (listed !== undefined || !wasListed.current) editor.refresh()
    else editor.gone.value = true
    wasListed.current = listed !== undefined
  }, [editor, listed?.version])

  const tenant = editor.base.value
  return (
    <Modal
      kind="panel"
      onClose={onClose}
      title={
        <>
          <bdi>{listed?.name ?? tenant?.name ?? id}</bdi> <bdi class="id">{id}</bdi>
        </>
      }
    >
      {editor.gone.value && (
        <p class="alert" role="alert">
          This tenant has been deleted.
        </p>
      )}
      {tenant === undefined ? (
        <p class="quiet">{editor.error.value ?? (editor.gone.value ? '' : 'Reading …')}</p>
      ) : (
        <>
          {!editor.gone.value && <RestartNow id={id} />}
          <ReplicaStates id={id} />
          <Settings editor={editor} />
          {!editor.gone.value && <Hostnames editor={editor} tenant={tenant} />}
          <History id={id} />
          {!editor.gone.value && <DeleteTenant id={id} onDeleted={onClose} />}
        </>
      )}
    </Modal>
  )
}

function RestartNow({ id }: { id: string }): JSX.Element {
  const { actions } = usePage()
  const reason = useRef<HTMLInputElement>(null)
  const busy = useSignal(false)
  return (
    <form
      class="restart-now"
      onSubmit={async (event) => {
        event.preventDefault()
        busy.value = true
        await actions.restart(id, reason.current?.value.trim())
        busy.value = false
        if (reason.current) reason.current.value = ''
      }}
    >
      <input
        ref={reason}
        maxLength={500}
        placeholder="Reason (optional)"
        aria-label="Reason"
        autocomplete="off"
      />
      <button type="submit" class="primary" disabled={busy}>
        Restart
      </button>
    </form>
  )
}

function Settings({ editor }: { editor: TenantEditor }): JSX.Element {
  const { name, config, saving, error, dirty, theirs, setAside, gone } = editor
  const invalid = config.problems.value.length > 0 || name.value.trim() === ''
  return (
    <form
      class="settings"
      onSubmit={(event) => {
        event.preventDefault()
        editor.save()
      }}
    >
      <label class="field">
        <span>Name</span>
        <input
          value={name.value}
          maxLength={200}
          required
          autocomplete="off"
          onInput={(event) => {
            name.value = event.currentTarget.value
          }}
        />
      </label>
      <ConfigEditor check={config} readOnly={saving.value} />
      {theirs.value && <Conflict editor={editor} theirs={theirs.value} />}
      {!theirs.value && error.value && (
        <p class="alert" role="alert">
          {error}
        </p>
      )}
      <footer>
        {setAside.value && (
          <button type="button" onClick={() => editor.putBack()}>
            Put back what I typed
          </button>
        )}
        {dirty.value && (
          <button type="button" onClick={() => editor.discard()}>
            Discard
          </button>
        )}
        <button
          type="submit"
          class="primary"
          disabled={!dirty.value || invalid || saving.value || theirs.value !== undefined || gone.value}
        >
          Save and restart
        </button>
      </footer>
    </form>
  )
}
