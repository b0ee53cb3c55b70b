import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { tenantPath } from './api-client.ts'
import { Modal } from './modal.tsx'
import { explain } from './notices.ts'
import { usePage } from './page.ts'

export interface DeleteTenantProps {
  readonly id: string
  readonly onDeleted: () => void
}

/** Deletes a tenant, once its id has been typed: there is no way back. */
export function DeleteTenant({ id, onDeleted }: DeleteTenantProps): JSX.Element {
  const { api, notices } = usePage()
  const asking = useSignal(false)
  const typed = useSignal('')
  const busy = useSignal(false)
  const error = useSignal<string | undefined>(undefined)
  return (
    <section aria-labelledby="delete-title">
      <h3 id="delete-title">Delete</h3>
      <p class="quiet">Its hosts answer 404 from the next request on. Its history stays.</p>
      <button
        type="button"
        class="danger"
        onClick={() => {
          asking.value = true
        }}
      >
        Delete this tenant…
      </button>
      {asking.value && (
        <Modal title="Delete this tenant?" onClose={close}>
          <form
            onSubmit={(event) => {
              event.preventDefault()
              remove()
            }}
          >
            <label class="field">
              <span>
                There is no way back. Type <b class="id">{id}</b> to go on
              </span>
              <input
                data-first
                value={typed.value}
                autocomplete="off"
                autocapitalize="off"
                spellcheck={false}
                onInput={(event) => {
                  typed.value = event.currentTarget.value
                }}
              />
            </label>
            {error.value !== undefined && (
              <p class="alert" role="alert">
                {error}
              </p>
            )}
            <footer>
              <button type="button" onClick={close}>
                Cancel
              </button>
              <button type="submit" class="danger" disabled={typed.value !== id || busy.value}>
                Delete
              </button>
            </footer>
          </form>
        </Modal>
      )}
    </section>
  )

  function close(): void {
    asking.value = false
    typed.value = ''
  }

  async function remove(): Promise<void> {
    busy.value = true
    try {
      // A body comes only where the store does not have it yet.
      const outcome = await api.ask<{ written: boolean } | undefined>(tenantPath(id), { method: 'DELETE' })
      notices.addOutcome(`${id} is deleted`, outcome?.written ?? true)
      close()
      onDeleted()
    } catch (cause) {
      error.value = explain(cause)
    } finally {
      busy.value = false
    }
  }
}
