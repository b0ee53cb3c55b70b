import type { JSX } from 'preact'
import { describe, Mark } from './cell.tsx'
import { usePage } from './page.ts'
import { FIRST_REPLICA_COLUMN } from './view-state.ts'

/** What the cell under the pointer, or under the keyboard, says; else, what the marks mean. */
export function Readout(): JSX.Element {
  const { board, view } = usePage()
  const position = view.pointed.value ?? view.active.value
  const replica = position && board.replicas.value[position.column - FIRST_REPLICA_COLUMN]?.replica
  const tenant = position && board.tenant(position.id)
  if (!position || !replica || !tenant) return <Legend />
  const placed = board.cell(position.id, replica)
  return (
    <>
      <p class="readout">
        <Mark placed={placed} />
        <span>
          <b>
            <bdi>{tenant.name}</bdi>
          </b>{' '}
          on <b>{replica}</b>: {describe(placed?.cell)}
        </span>
      </p>
      {/* Under a finger there is no pointing: a tap opens the tenant, and the marks are explained all the time. */}
      <Legend instead />
    </>
  )
}

function Legend({ instead = false }: { instead?: boolean }): JSX.Element {
  return (
    <ul class={instead ? 'readout legend instead' : 'readout legend'} aria-label="What the marks mean">
      <li>
        <i class="mark current deep sample" /> current
      </li>
      <li>
        <i class="mark behind deep sample" /> behind
      </li>
      <li>
        <i class="mark failed deep sample" /> failed to build
      </li>
      <li>
        <i class="mark not-loaded" /> not loaded: builds at its next request
      </li>
      <li class="hint">One colour, one generation of a tenant.</li>
    </ul>
  )
}
