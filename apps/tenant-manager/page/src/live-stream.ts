import { type Signal, signal } from '@preact/signals'
import { createParser } from 'eventsource-parser'
import type { BoardChange } from '../../src/api.ts'
import { type ApiClient, ApiError } from './api-client.ts'

export type LiveStatus =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'waiting'; readonly why: string; readonly retryInMs: number }

/** The manager sends a sign of life every 15 seconds; after two that are missing, the connection is dead. */
const SILENCE_MS = 35_000
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 10_000

/** Follows the manager's live stream, and takes it up again whenever it ends. */
export class LiveStream {
  readonly status: Signal<LiveStatus> = signal({ state: 'connecting' })
  readonly #api: ApiClient
  readonly #take: (change: BoardChange) => void
  #wake: (() => void) | undefined

  constructor(api: ApiClient, take: (change: BoardChange) => void) {
    this.#api = api
    this.#take = take
  }

  /** Never ends. */
  async run(): Promise<never> {
    addEventListener('online', () => this.retry())
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      this.status.value = { state: 'connecting' }
      const why = await this.#follow(() => {
        this.status.value = { state: 'live' }
        waitMs = FIRST_WAIT_MS
      })
      // Pages that lost the manager together shall not all come back at once.
      const retryInMs = Math.round(waitMs * (0.75 + Math.random() / 2))
      this.status.value = { state: 'waiting', why, retryInMs }
      await this.#wait(retryInMs)
    }
  }

  /** Does not wait any longer. */
  retry(): void {
    this.#wake?.()
  }

  /** Reads one stream to its end, and says why it ended. */
  async #follow(began: () => void): Promise<string> {
    const controller = new AbortController()
    let watchdog: ReturnType<typeof setTimeout> | undefined
    try {
      const response = await this.#api.open('/api/events', { signal: controller.signal })
      if (!response.ok || response.body === null) return reasonOf(response)
      // A stream is whole: its first event replaces whatever was known before.
      const parser = createParser({
        onEvent: ({ data }) => {
          this.#take(JSON.parse(data) as BoardChange)
          began()
        },
      })
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        clearTimeout(watchdog)
        watchdog = setTimeout(() => controller.abort(), SILENCE_MS)
        const { done, value } = await reader.read()
        if (done) return 'The manager has ended the stream'
        parser.feed(value)
      }
    } catch (error) {
      if (controller.signal.aborted) return 'The manager has gone silent'
      return error instanceof ApiError ? error.message : 'The connection to the manager is lost'
    } finally {
      clearTimeout(watchdog)
      controller.abort()
    }
  }

  async #wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}

async function reasonOf(response: Response): Promise<string> {
  const { message } = (await response.json().catch(() => ({}))) as { message?: string }
  return message ?? `The manager answered ${response.status}`
}
