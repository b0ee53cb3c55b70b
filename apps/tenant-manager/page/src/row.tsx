import type { JSX } from 'preact'
import type { BoardTenant } from '../../src/api.ts'
import { Cell } from './cell.tsx'
import { Convergence } from './convergence.tsx'
import { mainHostname } from './main-hostname.ts'
import { usePage } from './page.ts'
import { siteUrl } from './site-url.ts'
import { FIRST_REPLICA_COLUMN } from './view-state.ts'

export interface RowProps {
  readonly id: string
  readonly index: number
  /** The column that the keyboard is on, if it is on this row. */
  readonly activeColumn: number | undefined
}

/** One tenant. It renders anew when something of its own changes, and not when its neighbours do. */
export function Row({ id, index, activeColumn }: RowProps): JSX.Element | null {
  const { board, view } = usePage()
  const tenant = board.tenant(id)
  const selected = view.isSelected(id)
  if (tenant === undefined) return null
  const focusable = (column: number) => (activeColumn === column ? 0 : -1)
  return (
    <tr
      class={selected ? 'row selected' : 'row'}
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-id={id}
      style={{ '--index': index }}
    >
      <td class="check" aria-colindex={1} data-column={0} tabIndex={focusable(0)}>
        <input type="checkbox" tabIndex={-1} checked={selected} aria-label={`Select ${tenant.name}`} />
      </td>
      <th scope="row" aria-colindex={2} data-column={1} tabIndex={focusable(1)}>
        <TenantName tenant={tenant} />
      </th>
      <td class="converged" aria-colindex={3} data-column={2} tabIndex={focusable(2)}>
        <Convergence tenant={tenant} />
      </td>
      {board.replicas.value.map(({ replica }, at) => (
        <Cell
          key={replica}
          replica={replica}
          placed={board.cell(id, replica)}
          column={at + FIRST_REPLICA_COLUMN}
          focusable={activeColumn === at + FIRST_REPLICA_COLUMN}
        />
      ))}
    </tr>
  )
}

function TenantName({ tenant }: { tenant: BoardTenant }): JSX.Element {
  const { board, drafts } = usePage()
  const { id, name, hostnames, version } = tenant
  const hostname = mainHostname(hostnames)
  const url = hostname === undefined ? undefined : siteUrl(hostname, board.sites)
  const site = hostnames.length > 1 ? `${hostname} +${hostnames.length - 1}` : hostname
  return (
    <>
      <span class="name">
        <bdi>{name}</bdi>
        {drafts.value.has(id) && <span class="draft">unsaved</span>}
      </span>
      <span class="sub">
        <bdi class="id">{id}</bdi>
        <span class="version">v{version}</span>
        {url === undefined ? (
          <span class="site">{site ?? 'no host name'}</span>
        ) : (
          <a class="site" href={url} target="_blank" rel="noreferrer" tabIndex={-1}>
            {site}
          </a>
        )}
      </span>
    </>
  )
}
