import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Restart, RestartsPage } from '../../src/api.ts'
import { explain } from './notices.ts'
import { usePage } from './page.ts'
import { RestartFeed } from './restart-feed.tsx'

/** One page of the history. */
const LIMIT = 20

/** A tenant's restarts, read anew when there is another one, or when one has been written. */
export function History({ id }: { id: string }): JSX.Element {
  const { api, board } = usePage()
  const restarts = useSignal<readonly Restart[]>([])
  const next = useSignal<string | null>(null)
  const error = useSignal<string | undefined>(undefined)
  const tenant = board.tenant(id)

  useEffect(() => {
    read()
  }, [id, tenant?.restart, tenant?.written])

  return (
    <section aria-labelledby="history-title">
      <h3 id="history-title">History</h3>
      {error.value === undefined ? <RestartFeed restarts={restarts.value} /> : <p class="bad">{error}</p>}
      {next.value !== null && (
        <button type="button" class="plain" onClick={() => read(next.value)}>
          Older
        </button>
      )}
    </section>
  )

  async function read(before: string | null = null): Promise<void> {
    const query = new URLSearchParams({ tenant: id, limit: `${LIMIT}`, ...(before !== null && { before }) })
    try {
      const page = await api.ask<RestartsPage>(`/api/restarts?${query}`)
      restarts.value = before === null ? page.restarts : [...restarts.value, ...page.restarts]
      next.value = page.next
      error.value = undefined
    } catch (cause) {
      error.value = explain(cause)
    }
  }
}
