import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { eventually } from '@tenantry/testing'
import { createParser } from 'eventsource-parser'
import type { Test } from 'tap'
import type { BoardChange } from '../../src/api.ts'

/** One who listens to `GET /api/events`. */
export interface EventReader {
  readonly response: IncomingMessage
  /** All events so far. */
  readonly events: BoardChange[]
  /** Waits for the first event from `from` on that `isIt` holds for. */
  until(isIt: (event: BoardChange) => unknown, from?: number): Promise<BoardChange>
  /** Goes away without a word. */
  leave(): void
}

export async function readEvents(t: Test, port: number): Promise<EventReader> {
  const outgoing = request({ host: '127.0.0.1', port, path: '/api/events', agent: false }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  const events: BoardChange[] = []
  const parser = createParser({ onEvent: ({ data }) => void events.push(JSON.parse(data)) })
  response.setEncoding('utf8').on('data', (text) => parser.feed(text))
  // Whoever goes away gets an error, too.
  outgoing.on('error', () => {})
  response.on('error', () => {})
  t.teardown(() => outgoing.destroy())
  return {
    response,
    events,
    until: (isIt, from = 0) =>
      eventually(() => events.slice(from).find((event) => isIt(event))) as Promise<BoardChange>,
    leave: () => void outgoing.destroy(),
  }
}
