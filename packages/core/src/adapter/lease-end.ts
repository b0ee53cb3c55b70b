import type { Lease } from '../lease.ts'

/** What is needed of a connection: a socket has it. */
export interface Connection {
  readonly destroyed: boolean
  once(event: 'close', listener: () => void): unknown
}

/**
 * What is needed of a response: those of `node:http` and `node:http2` have it. (That of a stream of HTTP/2 which its client
 * has reset never counts as ended.)
 */
export interface Response {
  readonly writableEnded: boolean
  on(event: 'close', listener: () => void): unknown
}

/** For each connection, the requests that have not ended: pipelined ones see neither `close` nor `finish`. */
const openRequests = new WeakMap<object, Set<LeaseEnd>>()

/** How often to look whether a response that has closed is ended at last, in milliseconds. */
const LOOK_MS = 100

/**
 * Ends a request's lease, once: when the response or its connection has closed and the handler has answered. It has if
 * the response is ended, or if the adapter says so. Where neither comes, `graceMs` after the close.
 *
 * Made before the lease is asked for, so that no close is missed.
 */
export class LeaseEnd {
  /** Undefined until it is granted. */
  lease: Lease<unknown> | undefined
  readonly #response: Response
  readonly #siblings: Set<LeaseEnd>
  readonly #graceMs: number
  #closed = false
  /** Whether an answer was seen to be sent: its end tells nothing then of the handler's. */
  #sent = false
  #answered = false
  #timer: NodeJS.Timeout | undefined

  constructor(connection: Connection, response: Response, graceMs: number) {
    this.#response = response
    this.#graceMs = graceMs
    this.#siblings = requestsOn(connection)
    this.#siblings.add(this)
    // It closes once: `on` spares what `once` needs to forget its listener.
    response.on('close', () => this.close())
    if (connection.destroyed) this.close()
  }

  /** Whether the client has gone or been answered. */
  get closed(): boolean {
    return this.#closed
  }

  /** Takes the lease over. False: the request has closed meanwhile, and takes none. */
  grant(lease: Lease<unknown>): boolean {
    if (this.#closed) {
      lease.release()
      return false
    }
    this.lease = lease
    return true
  }

  /** An answer is on its way, the handler's or one in its stead: from now on only {@link answered} tells its end. */
  sent(): void {
    this.#sent = true
  }

  /** The handler has answered, with a stream to its end. */
  answered(): void {
    this.#answered = true
    if (this.#closed) this.#release()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#siblings.delete(this)
    if (this.#hasAnswered()) this.#release()
    else if (this.lease !== undefined) this.#wait(performance.now() + this.#graceMs)
  }

  /** By looking, now and then: when a response has closed, no event tells that it is ended. */
  #wait(deadline: number): void {
    const leftMs = deadline - performance.now()
    const look = () => {
      // Timers are late when the event loop is busy, and a little early when it is not: only the clock tells.
      if (this.#hasAnswered() || performance.now() >= deadline) this.#release()
      else this.#wait(deadline)
    }
    this.#timer = setTimeout(look, Math.max(0, Math.min(leftMs, LOOK_MS))).unref()
  }

  #hasAnswered(): boolean {
    return this.#answered || (!this.#sent && this.#response.writableEnded)
  }

  #release(): void {
    clearTimeout(this.#timer)
    this.lease?.release()
  }
}

function requestsOn(connection: Connection): Set<LeaseEnd> {
  const known = openRequests.get(connection)
  if (known !== undefined) return known
  const requests = new Set<LeaseEnd>()
  openRequests.set(connection, requests)
  connection.once('close', () => {
    for (const request of requests) request.close()
  })
  return requests
}
