import type { JSX } from 'preact'
import type { Tenant } from '../../src/api.ts'
import { Modal } from './modal.tsx'

export interface RemoveHostnameDialogProps {
  readonly hostname: string
  readonly tenant: Tenant
  readonly onClose: () => void
  readonly onRemove: (hostname: string) => void
}

/** Asks once more: whoever visits the host name finds nothing any more. */
export function RemoveHostnameDialog(props: RemoveHostnameDialogProps): JSX.Element {
  const { hostname, tenant, onClose, onRemove } = props
  const isLast = tenant.hostnames.length === 1
  return (
    <Modal title="Remove the host name?" onClose={onClose}>
      <p>
        <b>{hostname}</b> answers 404 from the next request on, until a tenant is given it again.
      </p>
      {isLast && (
        <p class="alert caution">
          It is the last one of <bdi>{tenant.name}</bdi>: no request can reach the tenant then.
        </p>
      )}
      <footer>
        <button type="button" data-first onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="danger" onClick={() => onRemove(hostname)}>
          Remove it
        </button>
      </footer>
    </Modal>
  )
}
