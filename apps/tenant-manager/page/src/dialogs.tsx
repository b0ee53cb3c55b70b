import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { OPERATOR_PATTERN } from './credentials.ts'
import { KEYS } from './keys.ts'
import { Modal } from './modal.tsx'
import { NewTenantDialog } from './new-tenant-dialog.tsx'
import { usePage } from './page.ts'
import { RestartDialog } from './restart-dialog.tsx'
import { TenantPanel } from './tenant-panel.tsx'

/** Whatever is open above the page. */
export function Dialogs(): JSX.Element {
  const { view, credentials } = usePage()
  const open = view.dialog.value
  const close = () => {
    view.dialog.value = undefined
  }
  const asked = credentials.asked.value
  return (
    <>
      {open?.kind === 'tenant' && <TenantPanel key={open.id} id={open.id} onClose={close} />}
      {open?.kind === 'new-tenant' && <NewTenantDialog onClose={close} />}
      {open?.kind === 'restart' && <RestartDialog ids={open.ids} onClose={close} />}
      {open?.kind === 'keys' && <KeysDialog onClose={close} />}
      {open?.kind === 'operator' && <OperatorDialog onClose={close} />}
      {asked !== undefined && <ApiKeyDialog asked={asked} />}
    </>
  )
}

interface Closable {
  readonly onClose: () => void
}

function KeysDialog({ onClose }: Closable): JSX.Element {
  return (
    <Modal title="Keys" onClose={onClose}>
      <dl class="keys">
        {KEYS.map(([keys, does]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  )
}

function OperatorDialog({ onClose }: Closable): JSX.Element {
  const { credentials } = usePage()
  const name = useRef<HTMLInputElement>(null)
  return (
    <Modal title="Who are you?" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          credentials.name(name.current?.value.trim() ?? '')
          onClose()
        }}
      >
        <label class="field">
          <span>Your name, for the history of restarts</span>
          <input
            ref={name}
            data-first
            maxLength={128}
            pattern={OPERATOR_PATTERN}
            title="Letters of Western Europe, digits and signs"
            autocomplete="nickname"
            defaultValue={credentials.operator.value}
          />
        </label>
        <footer>
          <button type="submit" class="primary">
            Keep
          </button>
        </footer>
      </form>
    </Modal>
  )
}

function ApiKeyDialog({ asked }: { asked: string }): JSX.Element {
  const { credentials } = usePage()
  const key = useRef<HTMLInputElement>(null)
  return (
    <Modal title="API key" onClose={undefined}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          credentials.give(key.current?.value.trim() ?? '')
        }}
      >
        <p>
          {asked} It is what the manager was started with, as MANAGER_API_KEY. It is kept until this tab
          closes.
        </p>
        <label class="field">
          <span>Key</span>
          <input ref={key} data-first type="password" required pattern="[\x21-\x7e]+" autocomplete="off" />
        </label>
        <footer>
          <button type="submit" class="primary">
            Use it
          </button>
        </footer>
      </form>
    </Modal>
  )
}
