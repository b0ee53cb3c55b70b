import type { ServerResponse } from 'node:http'
import type { BoardChange } from './api.ts'
import type { Board } from './board.ts'

/** The most streams at a time. */
const MAX_STREAMS = 100

/** How far a listener may fall behind, in bytes, beside the last reset: then it gets another one. */
const MAX_BACKLOG_BYTES = 1024 * 1024

/** Often enough for what stands in between not to take a stream for dead. */
const KEEP_ALIVE_MS = 15_000

/** How often a listener that does not read may be passed over before it is let go. */
const MAX_SILENCE = 4

interface Stream {
  readonly response: ServerResponse
  /** Whether the next thing to send is a reset: it has had none yet, or has missed something. */
  needsReset: boolean
  /** How much may wait to be sent. */
  allowance: number
  silence: number
}

/** Those who look at the board: everything to each at first, and then the same differences to all. */
export class EventStreams {
  readonly #board: Board
  readonly #streams = new Set<Stream>()
  #keepAlive: NodeJS.Timeout | undefined
  /** Whether the board has looked since it was started. */
  #isLive = false
  /** The board's snapshot as text, until the next change. */
  #reset: string | undefined

  constructor(board: Board) {
    this.#board = board
  }

  get isFull(): boolean {
    return this.#streams.size >= MAX_STREAMS
  }

  /** Sends events on a response, whose head has been written, until it is closed. */
  add(response: ServerResponse): void {
    const stream: Stream = { response, needsReset: true, allowance: MAX_BACKLOG_BYTES, silence: 0 }
    this.#streams.add(stream)
    response.on('close', () => this.#forget(stream))
    response.on('drain', () => {
      stream.silence = 0
      if (stream.needsReset) this.#send(stream, undefined)
    })
    // Whoever goes away while something is written to them.
    response.on('error', () => response.destroy())
    if (this.#streams.size === 1) this.#start()
    else this.#send(stream, undefined)
  }

  /** Ends all streams. */
  close(): void {
    for (const { response } of this.#streams) response.end()
    this.#stop()
  }

  #start(): void {
    this.#board.start((change) => {
      this.#isLive = true
      if (change !== undefined) this.#reset = undefined
      const text = change === undefined ? undefined : eventOf(change)
      for (const stream of this.#streams) this.#send(stream, text)
    })
    this.#keepAlive = setInterval(() => this.#sayAlive(), KEEP_ALIVE_MS).unref()
  }

  #stop(): void {
    this.#board.stop()
    clearInterval(this.#keepAlive)
    this.#isLive = false
    this.#reset = undefined
  }

  #forget(stream: Stream): void {
    if (this.#streams.delete(stream) && this.#streams.size === 0) this.#stop()
  }

  #send(stream: Stream, text: string | undefined): void {
    if (!this.#isLive) return
    const { response } = stream
    if (stream.needsReset) {
      if (response.writableNeedDrain) return
      this.#reset ??= eventOf(this.#board.snapshot())
      stream.needsReset = false
      stream.allowance = this.#reset.length + MAX_BACKLOG_BYTES
      response.write(this.#reset)
    } else if (text !== undefined && response.writableLength > stream.allowance) {
      stream.needsReset = true
    } else if (text !== undefined) {
      response.write(text)
    }
  }

  #sayAlive(): void {
    for (const stream of this.#streams) {
      if (!stream.response.writableNeedDrain) stream.response.write(': still here\n\n')
      else if (++stream.silence > MAX_SILENCE) stream.response.destroy()
    }
  }
}

/** JSON has no line breaks of its own. */
function eventOf(change: BoardChange): string {
  return `data: ${JSON.stringify(change)}\n\n`
}
