import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { LiveStatus } from './live-stream.ts'
import { usePage } from './page.ts'

/** Whether what the page shows is what there is. */
export function Status(): JSX.Element {
  const { board, live } = usePage()
  const status = live.status.value
  return (
    <div class="status" role="status">
      <span class={`pulse ${status.state}`} aria-hidden="true" />
      {status.state === 'live' && <span>Live</span>}
      {status.state === 'connecting' && <span>Connecting …</span>}
      {status.state === 'waiting' && <Waiting key={status.retryInMs} status={status} />}
      {status.state === 'live' && board.authority.value === 'unreachable' && (
        <strong class="bad">The database cannot be reached: nothing can be changed</strong>
      )}
      {status.state === 'live' && board.store.value === 'unreachable' && (
        <strong class="waits">The token store cannot be reached: restarts wait for it</strong>
      )}
    </div>
  )
}

function Waiting({ status }: { status: LiveStatus & { state: 'waiting' } }): JSX.Element {
  const { live } = usePage()
  const seconds = useSignal(Math.ceil(status.retryInMs / 1000))
  useEffect(() => {
    const timer = setInterval(() => {
      seconds.value = Math.max(0, seconds.value - 1)
    }, 1000)
    return () => clearInterval(timer)
  }, [])
  return (
    <>
      <strong class="bad">{status.why}</strong>
      <span aria-hidden="true">trying again in {seconds} s</span>
      <button type="button" class="plain" onClick={() => live.retry()}>
        Try now
      </button>
    </>
  )
}
