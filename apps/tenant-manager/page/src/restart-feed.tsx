import type { JSX } from 'preact'
import type { Restart } from '../../src/api.ts'
import { ago, moment } from './ages.ts'

/** What was done, by what a restart was committed with. */
const CAUSES: Readonly<Record<Restart['cause'], string>> = {
  create: 'created',
  change: 'changed',
  hostnames: 'host names changed',
  delete: 'deleted',
  restart: 'restarted',
}

/** Who restarted what, when, why, and whether the store has it. The newest first. */
export function RestartFeed({ restarts }: { restarts: readonly Restart[] }): JSX.Element {
  if (restarts.length === 0) return <p class="quiet">None yet.</p>
  return (
    <ol class="feed">
      {restarts.map((restart) => (
        <li key={restart.id}>
          <span class="what">
            <span>
              <bdi>{subject(restart)}</bdi> <span class="cause">{CAUSES[restart.cause]}</span>
            </span>
            <time dateTime={restart.requestedAt} title={moment(restart.requestedAt)}>
              {ago(restart.requestedAt)}
            </time>
          </span>
          <span class="sub">
            <span>
              by <bdi>{restart.by}</bdi>
            </span>
            {restart.reason && <q>{restart.reason}</q>}
            {restart.writtenAt === null ? (
              <span class="waits">waits for the store</span>
            ) : (
              <span title={moment(restart.writtenAt)}>written</span>
            )}
          </span>
        </li>
      ))}
    </ol>
  )
}

function subject({ tenant, key }: Restart): string {
  if (tenant !== null) return tenant
  return key === 'all' ? 'All tenants' : 'Host names'
}
