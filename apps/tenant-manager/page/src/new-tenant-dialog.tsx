import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useId, useMemo, useRef } from 'preact/hooks'
import type { Problem, TenantReply } from '../../src/api.ts'
import { ApiError } from './api-client.ts'
import { ConfigCheck } from './config-check.ts'
import { ConfigEditor } from './config-editor.tsx'
import { Modal } from './modal.tsx'
import { explain } from './notices.ts'
import { usePage } from './page.ts'

/** Makes a tenant. */
export function NewTenantDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const { api, notices, view } = usePage()
  const config = useMemo(() => new ConfigCheck(api, '{\n  \n}'), [])
  const id = useSignal('')
  const name = useSignal('')
  const hostnames = useSignal('')
  const form = useRef<HTMLFormElement>(null)
  const busy = useSignal(false)
  const error = useSignal<string | undefined>(undefined)
  const problems = useSignal<readonly Problem[]>([])

  useEffect(() => () => config.dispose(), [])

  return (
    <Modal title="New tenant" kind="panel" onClose={onClose}>
      <form
        ref={form}
        class="settings"
        onSubmit={(event) => {
          event.preventDefault()
          create()
        }}
      >
        <Field
          label="Id"
          hint="What the token key, the API and the logs call it. It stays."
          value={id}
          first
          maxLength={255}
          problems={of('/id')}
        />
        <Field label="Name" hint="What people call it." value={name} maxLength={200} problems={of('/name')} />
        <Field
          label="Host names, one a line"
          hint="Each belongs to one tenant."
          value={hostnames}
          rows={3}
          problems={of('/hostnames')}
        />
        <ConfigEditor check={config} readOnly={busy.value} />
        {error.value !== undefined && (
          <p class="alert" role="alert">
            {error}
          </p>
        )}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy.value || config.problems.value.length > 0}>
            Create
          </button>
        </footer>
      </form>
    </Modal>
  )

  function of(path: string): readonly Problem[] {
    return problems.value.filter((problem) => problem.path === path || problem.path.startsWith(`${path}/`))
  }

  async function create(): Promise<void> {
    busy.value = true
    error.value = undefined
    problems.value = []
    try {
      const { written } = await api.ask<TenantReply>('/api/tenants', {
        method: 'POST',
        body: {
          id: id.value.trim(),
          name: name.value.trim(),
          hostnames: linesOf(hostnames.value),
          config: config.config.value,
        },
      })
      notices.addOutcome(`${id.value.trim()} is created`, written)
      view.search.value = ''
      view.active.value = { id: id.value.trim(), column: 1 }
      onClose()
    } catch (cause) {
      refuse(cause)
    } finally {
      busy.value = false
    }
  }

  function refuse(cause: unknown): void {
    const named = problemsOf(cause)
    problems.value = named
    config.refuse(named.filter(({ path }) => /^\/config(\/|$)/.test(path)))
    const isPlaced =
      named.length > 0 && named.every(({ path }) => /^\/(id|name|hostnames|config)(\/|$)/.test(path))
    error.value = isPlaced ? undefined : explain(cause)
    // What is said at a field is read out with the field.
    if (isPlaced)
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
  }
}

/** One a line, as they are: what is no host name, the manager refuses. */
function linesOf(text: string): string[] {
  return text
    .split(/\r\n|[\r\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** What was refused, and at which field. */
function problemsOf(cause: unknown): readonly Problem[] {
  if (!(cause instanceof ApiError)) return []
  const { code, message, problems } = cause
  if (problems.length > 0) return problems
  if (code === 'TENANTRY_ERR_TENANT_EXISTS' || code === 'TENANTRY_ERR_TENANT_ID_INVALID')
    return [{ path: '/id', message }]
  if (code === 'TENANTRY_ERR_HOSTNAME_TAKEN') return [{ path: '/hostnames', message }]
  // The authority begins with the field.
  const field = /^(?:id|name|hostnames)\b/.exec(message)?.[0]
  return code === 'TENANTRY_ERR_TENANT_INVALID' && field ? [{ path: `/${field}`, message }] : []
}

interface FieldProps {
  readonly label: string
  readonly hint: string
  readonly value: { value: string }
  readonly problems: readonly Problem[]
  readonly maxLength?: number
  /** Whether it has the focus when the dialog opens. */
  readonly first?: boolean
  /** More than one line, of which none is required. */
  readonly rows?: number
}

function Field({ label, hint, value, problems, maxLength, first, rows }: FieldProps): JSX.Element {
  const id = useId()
  const shared = {
    id,
    value: value.value,
    spellcheck: false,
    autocapitalize: 'off',
    'aria-invalid': problems.length > 0,
    'aria-describedby': `${id}-hint`,
    onInput: ({ currentTarget }: { currentTarget: { value: string } }) => {
      value.value = currentTarget.value
    },
  } as const
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows === undefined ? (
        <input {...shared} data-first={first} required maxLength={maxLength} autocomplete="off" />
      ) : (
        <textarea {...shared} rows={rows} />
      )}
      <small id={`${id}-hint`} class={problems.length > 0 ? 'bad' : ''}>
        {problems.length > 0 ? problems.map(({ message }) => message).join('; ') : hint}
      </small>
    </div>
  )
}
