import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import type { Tenant, TenantReply, TenantsPage } from '../../src/api.ts'
import { ApiError, tenantPath } from './api-client.ts'
import { Modal } from './modal.tsx'
import { explain } from './notices.ts'
import { usePage } from './page.ts'
import { RemoveHostnameDialog } from './remove-hostname-dialog.tsx'
import { siteUrl } from './site-url.ts'
import type { TenantEditor } from './tenant-editor.ts'

export interface HostnamesProps {
  readonly editor: TenantEditor
  readonly tenant: Tenant
}

/** A tenant's host names. Each change holds from the next request on. */
export function Hostnames({ editor, tenant }: HostnamesProps): JSX.Element {
  const { api, board, notices } = usePage()
  const input = useRef<HTMLInputElement>(null)
  const busy = useSignal(false)
  const error = useSignal<string | undefined>(undefined)
  const removing = useSignal<string | undefined>(undefined)
  const move = useSignal<{ hostname: string; from: string } | undefined>(undefined)
  return (
    <section aria-labelledby="hostnames-title">
      <h3 id="hostnames-title">Host names</h3>
      {tenant.hostnames.length === 0 && <p class="quiet">None: no request can reach this tenant.</p>}
      <ul class="hostnames">
        {tenant.hostnames.map((hostname) => (
          <li key={hostname}>
            <SiteLink hostname={hostname} />
            <button
              type="button"
              class="plain"
              disabled={busy}
              aria-label={`Remove ${hostname}`}
              onClick={() => {
                removing.value = hostname
              }}
            >
              Remove
            </button>
          </li>
        ))}
      </ul>
      <form
        class="add"
        onSubmit={(event) => {
          event.preventDefault()
          const hostname = input.current?.value.trim() ?? ''
          if (hostname !== '') change(() => add(hostname))
        }}
      >
        <input
          ref={input}
          maxLength={255}
          placeholder="shop.example.com"
          aria-label="Another host name"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
        />
        <button type="submit" disabled={busy}>
          Add
        </button>
      </form>
      {error.value !== undefined && (
        <p class="alert" role="alert">
          {error}
        </p>
      )}
      {removing.value !== undefined && (
        <RemoveHostnameDialog
          hostname={removing.value}
          tenant={tenant}
          onClose={() => {
            removing.value = undefined
          }}
          onRemove={(hostname) => {
            removing.value = undefined
            change(() => remove(hostname))
          }}
        />
      )}
      {move.value && (
        <MoveDialog
          {...move.value}
          to={tenant.id}
          onClose={() => {
            move.value = undefined
          }}
          onMove={({ hostname, from }) => {
            move.value = undefined
            change(() => add(hostname, from))
          }}
        />
      )}
    </section>
  )

  async function change(ask: () => Promise<void>): Promise<void> {
    busy.value = true
    error.value = undefined
    try {
      await ask()
    } catch (cause) {
      error.value = explain(cause)
    } finally {
      busy.value = false
    }
  }

  async function add(hostname: string, from?: string): Promise<void> {
    try {
      const reply = await api.ask<TenantReply>(tenantPath(tenant.id, '/hostnames'), {
        method: 'POST',
        body: { hostname, ...(from !== undefined && { from }) },
      })
      editor.learn(reply)
      notices.addOutcome(`${hostname} belongs to ${tenant.id} now`, reply.written)
      if (input.current) input.current.value = ''
    } catch (cause) {
      const owner = isTaken(cause) ? await ownerOf(hostname) : undefined
      if (owner === undefined) throw cause
      move.value = { hostname, from: owner }
    }
  }

  async function remove(hostname: string): Promise<void> {
    const path = tenantPath(tenant.id, `/hostnames/${encodeURIComponent(hostname)}`)
    const reply = await api.ask<TenantReply>(path, { method: 'DELETE' })
    editor.learn(reply)
    notices.addOutcome(`${hostname} is nobody’s now`, reply.written)
  }

  async function ownerOf(hostname: string): Promise<string | undefined> {
    const wanted = hostname.toLowerCase().replace(/\.$/, '')
    const known = board.tenants.value.find(({ hostnames }) => hostnames.includes(wanted))
    if (known) return known.id
    const query = new URLSearchParams({ search: wanted, limit: '100' })
    const { tenants } = await api.ask<TenantsPage>(`/api/tenants?${query}`)
    return tenants.find(({ hostnames }) => hostnames.includes(wanted))?.id
  }
}

function SiteLink({ hostname }: { hostname: string }): JSX.Element {
  const { board } = usePage()
  const url = siteUrl(hostname, board.sites)
  if (url === undefined) return <span>{hostname}</span>
  return (
    <a href={url} target="_blank" rel="noreferrer">
      {hostname}
    </a>
  )
}

interface MoveDialogProps {
  readonly hostname: string
  readonly from: string
  readonly to: string
  readonly onClose: () => void
  readonly onMove: (move: { hostname: string; from: string }) => void
}

function MoveDialog({ hostname, from, to, onClose, onMove }: MoveDialogProps): JSX.Element {
  return (
    <Modal title="Move the host name?" onClose={onClose}>
      <p>
        <b>{hostname}</b> belongs to <bdi>{from}</bdi>. From the next request on, <bdi>{to}</bdi> would answer
        it.
      </p>
      <footer>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="primary" onClick={() => onMove({ hostname, from })}>
          Move it
        </button>
      </footer>
    </Modal>
  )
}

function isTaken(cause: unknown): boolean {
  return cause instanceof ApiError && cause.code === 'TENANTRY_ERR_HOSTNAME_TAKEN'
}
