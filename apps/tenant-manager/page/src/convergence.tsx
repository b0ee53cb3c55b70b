import type { JSX } from 'preact'
import type { BoardTenant } from '../../src/api.ts'
import { usePage } from './page.ts'

/** How far a tenant's replicas are, of all that there are. */
export function Convergence({ tenant }: { tenant: BoardTenant }): JSX.Element {
  const { board } = usePage()
  const counts = { current: 0, behind: 0, failed: 0 }
  const replicas = board.replicas.value
  for (const { replica } of replicas) {
    const placed = board.cell(tenant.id, replica)
    if (placed) counts[placed.cell.state]++
  }
  const notLoaded = replicas.length - counts.current - counts.behind - counts.failed
  return (
    <>
      <span class={lookOf(counts, tenant.written)}>
        <b>{counts.current}</b> of {replicas.length}
      </span>
      {counts.failed > 0 && <span class="bad">{counts.failed} failed</span>}
      {tenant.written ? null : (
        <span class="waits" title="Committed; it will be written as soon as the token store can be reached">
          waits for the store
        </span>
      )}
      {/* There is room for three lines, and this one is the calmest. */}
      {notLoaded > 0 && (tenant.written || counts.failed === 0) && (
        <span class="quiet">{notLoaded} not loaded</span>
      )}
    </>
  )
}

/** What is still on its way does not look done; what nobody has asked for yet is no trouble. */
function lookOf(
  { current, behind, failed }: Record<'current' | 'behind' | 'failed', number>,
  written: boolean,
) {
  if (!written || behind > 0 || failed > 0) return 'some'
  return current > 0 ? 'all' : 'quiet'
}
