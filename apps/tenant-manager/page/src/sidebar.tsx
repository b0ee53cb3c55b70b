import type { JSX } from 'preact'
import type { Demo, Restart } from '../../src/api.ts'
import { ago, moment } from './ages.ts'
import { usePage } from './page.ts'
import { RestartFeed } from './restart-feed.tsx'

/** More replicas than these would leave no room for the restarts; the grid has them all. */
const MANY = 8

/** Beside the grid: the replicas, the demo's switches, the last restarts. */
export function Sidebar(): JSX.Element {
  const { board } = usePage()
  const demo = board.demo.value
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard has to be able to make it
    <aside class="sidebar" aria-label="Replicas and restarts" tabIndex={0}>
      {demo && <DemoControls demo={demo} />}
      <Replicas demo={demo} />
      <section aria-labelledby="restarts-title">
        <h2 id="restarts-title">Restarts</h2>
        <RestartFeed restarts={board.restarts.value.filter(isAskedFor).slice(0, 30)} />
      </section>
    </aside>
  )
}

/** Not what only goes along with another one: that the set of hosts has changed. */
function isAskedFor({ key }: Restart): boolean {
  return key !== 'all-hosts'
}

function DemoControls({ demo }: { demo: Demo }): JSX.Element {
  const { actions } = usePage()
  const { traffic, served, failed } = demo
  return (
    <section aria-labelledby="demo-title">
      <h2 id="demo-title">Demo</h2>
      <label class="switch">
        <input
          type="checkbox"
          role="switch"
          checked={traffic}
          aria-checked={traffic}
          onChange={(event) => actions.setTraffic(event.currentTarget.checked)}
        />
        <span>Gentle traffic</span>
      </label>
      <p class="counters">
        <b>{served.toLocaleString('en')}</b> served,{' '}
        <b class={failed > 0 ? 'bad' : ''}>{failed.toLocaleString('en')}</b> failed
      </p>
    </section>
  )
}

function Failures({ replica }: { replica: string }): JSX.Element | null {
  const { board } = usePage()
  const failed = board.failures.value.get(replica)
  return failed === undefined ? null : <span class="bad"> · {failed} failed</span>
}

function Replicas({ demo }: { demo: Demo | undefined }): JSX.Element {
  const { board, actions } = usePage()
  const replicas = board.replicas.value
  return (
    <section aria-labelledby="replicas-title">
      <details open={replicas.length <= MANY}>
        <summary>
          <h2 id="replicas-title">Replicas</h2>
        </summary>
        {board.loaded.value && replicas.length === 0 && (
          <p class="quiet">
            None has reported yet. A replica shows up within a second of its start, once its server is given a
            heartbeat store.
          </p>
        )}
        <ul class="replicas">
          {replicas.map(({ replica, tenants, startedAt }) => (
            <li key={replica}>
              <span class="who">
                <b>{replica}</b>
                <span class="quiet">
                  holds {tenants}
                  <Failures replica={replica} />
                  {' · '}
                  <time class="since" dateTime={startedAt} title={moment(startedAt)}>
                    started {ago(startedAt)}
                  </time>
                </span>
              </span>
              {demo?.replicas.some(({ name }) => name === replica) && (
                <button
                  type="button"
                  class="plain"
                  aria-label={`Remove ${replica}`}
                  onClick={() => actions.removeReplica(replica)}
                >
                  Remove
                </button>
              )}
            </li>
          ))}
        </ul>
      </details>
      {demo && (
        <button type="button" onClick={() => actions.addReplica()}>
          Add replica
        </button>
      )}
    </section>
  )
}
