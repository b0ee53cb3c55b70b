import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { usePage } from './page.ts'
import { FIRST_REPLICA_COLUMN } from './view-state.ts'

/**
 * The names of the columns.
 *
 * @param names what the replicas are called here
 */
export function GridHead({ names }: { names: readonly string[] }): JSX.Element {
  const { board, view } = usePage()
  const box = useRef<HTMLInputElement>(null)
  const shown = view.shown.value
  const count = shown.filter(({ id }) => view.isSelected(id)).length
  const replicas = board.replicas.value
  const failures = board.failures.value
  const all = count > 0 && count === shown.length

  useEffect(() => {
    if (box.current) box.current.indeterminate = count > 0 && !all
  })

  return (
    <thead>
      <tr aria-rowindex={1}>
        <th scope="col" class="check" aria-colindex={1}>
          <input
            ref={box}
            type="checkbox"
            checked={all}
            aria-label="Select all shown"
            onChange={() => view.selectShown(!all)}
          />
        </th>
        <th scope="col" aria-colindex={2}>
          Tenant
        </th>
        <th scope="col" class="converged" aria-colindex={3}>
          Current
        </th>
        {replicas.map(({ replica, tenants }, at) => {
          const failed = failures.get(replica) ?? 0
          const whole = `${replica}: holds ${tenants}, ${failed} failed`
          return (
            <th
              key={replica}
              scope="col"
              class={failed > 0 ? 'replica bad' : 'replica'}
              aria-colindex={at + FIRST_REPLICA_COLUMN + 1}
              aria-label={whole}
              title={whole}
            >
              <span class="replica-name">
                <bdi>{names[at]}</bdi>
              </span>
              <span class="load">{failed > 0 ? `${failed} failed` : `holds ${tenants}`}</span>
            </th>
          )
        })}
      </tr>
    </thead>
  )
}
