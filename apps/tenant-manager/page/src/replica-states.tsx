import type { JSX } from 'preact'
import { describe, Mark } from './cell.tsx'
import { usePage } from './page.ts'

/** One tenant on each replica, in words; why a build failed, too. */
export function ReplicaStates({ id }: { id: string }): JSX.Element {
  const { board } = usePage()
  const replicas = board.replicas.value
  return (
    <section aria-labelledby="states-title">
      <h3 id="states-title">On the replicas</h3>
      {replicas.length === 0 && <p class="quiet">No replica has reported yet.</p>}
      <ul class="states">
        {replicas.map(({ replica }) => {
          const placed = board.cell(id, replica)
          return (
            <li key={replica} class={placed?.cell.state ?? 'not-loaded'}>
              <Mark placed={placed} />
              <b>{replica}</b>
              <span>{describe(placed?.cell)}</span>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
