import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Lease } from '@tenantry/core'
import { whenMade } from './when-made.ts'

/** The raw request and response of any server that Fastify runs on. */
export interface RawExchange {
  readonly request: Pick<IncomingMessage, 'socket'>
  readonly response: Pick<ServerResponse, 'on' | 'writableEnded'>
}

/** For each connection, the requests that have not ended: pipelined ones see neither `close` nor `finish`. */
const openRequests = new WeakMap<object, Set<LeaseEnd>>()

/**
 * Ends a request's lease, once: when the response or its connection has closed and the handler has answered, with a
 * stream to its end. Where it cannot be known whether the handler has answered, `graceMs` after the close.
 *
 * Made before the lease is asked for, so that no close is missed.
 */
export class LeaseEnd {
  /** Undefined until it is granted. */
  lease: Lease<unknown> | undefined
  readonly #response: RawExchange['response']
  readonly #siblings: Set<LeaseEnd>
  readonly #graceMs: number
  #closed = false
  /** Whether an answer was seen to be sent: a hijacked reply's is not. */
  #sent = false
  #answered = false
  #grace: NodeJS.Timeout | undefined

  constructor({ request, response }: RawExchange, graceMs: number) {
    this.#response = response
    this.#graceMs = graceMs
    this.#siblings = requestsOn(request.socket)
    this.#siblings.add(this)
    // It closes once: `on` spares what `once` needs to forget its listener.
    response.on('close', () => this.close())
    if (request.socket.destroyed) this.close()
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

  /** The handler answers. */
  answer(answer: unknown): void {
    this.#sent = true
    whenMade(answer, () => {
      this.#answered = true
      if (this.#closed) this.#release()
    })
  }

  /** Fastify answers in the handler's stead: the handler may still be at work. */
  timeOut(): void {
    this.#sent = true
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#siblings.delete(this)
    if (this.#answered || (!this.#sent && this.#response.writableEnded)) this.#release()
    else if (this.lease !== undefined) this.#grace = setTimeout(() => this.#release(), this.#graceMs).unref()
  }

  #release(): void {
    clearTimeout(this.#grace)
    this.lease?.release()
  }
}

function requestsOn(socket: IncomingMessage['socket']): Set<LeaseEnd> {
  const known = openRequests.get(socket)
  if (known !== undefined) return known
  const requests = new Set<LeaseEnd>()
  openRequests.set(socket, requests)
  socket.once('close', () => {
    for (const request of requests) request.close()
  })
  return requests
}
