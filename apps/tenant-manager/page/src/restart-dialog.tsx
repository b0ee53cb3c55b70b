import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { Modal } from './modal.tsx'
import { usePage } from './page.ts'

export interface RestartDialogProps {
  /** Undefined: all tenants. */
  readonly ids: readonly string[] | undefined
  readonly onClose: () => void
}

/** Asks once more before more than one tenant is restarted, and why. */
export function RestartDialog({ ids, onClose }: RestartDialogProps): JSX.Element {
  const { actions, board, view } = usePage()
  const reason = useRef<HTMLInputElement>(null)
  const count = (ids?.length ?? Math.max(board.total.value, board.tenants.value.length)).toLocaleString('en')
  const hidden = ids === undefined ? 0 : view.hidden(ids)
  return (
    <Modal title={ids === undefined ? 'Restart all tenants?' : `Restart ${count} tenants?`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const why = reason.current?.value.trim() ?? ''
          if (ids === undefined) actions.restartAll(why)
          else actions.restartSelected(ids, why)
          onClose()
        }}
      >
        {hidden > 0 && (
          <p class="alert caution">
            {hidden === 1 ? 'One of them is' : `${hidden.toLocaleString('en')} of them are`} not shown now.
          </p>
        )}
        <p>
          Every replica builds each of {ids === undefined ? `the ${count} tenants` : 'them'} anew, at its next
          request. Requests under way are not interrupted.
        </p>
        <label class="field">
          <span>Reason, for the history</span>
          <input ref={reason} data-first maxLength={500} autocomplete="off" />
        </label>
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary">
            {ids === undefined ? 'Restart all' : `Restart ${count}`}
          </button>
        </footer>
      </form>
    </Modal>
  )
}
