import { once } from 'node:events'
import { eventually } from '@tenantry/testing'
import type { FastifyRequest } from 'fastify'

/** What handlers do for their requests. It takes as long as the test wants. */
export class Work {
  /** The requests whose handlers have come to it. */
  readonly requests: FastifyRequest[] = []
  /** Who has met a tenant that was disposed of, and where. */
  readonly mourners: string[] = []
  #finish!: () => void
  readonly #finished = new Promise<void>((resolve) => {
    this.#finish = resolve
  })

  /** Waits until `count` handlers are at work. */
  async begun(count = 1): Promise<FastifyRequest> {
    await eventually(() => this.requests.length >= count)
    return this.requests[0] as FastifyRequest
  }

  /** Lets all handlers go on. */
  finish(): void {
    this.#finish()
  }

  /** The work itself. */
  async do(request: FastifyRequest): Promise<void> {
    this.requests.push(request)
    await this.#finished
  }

  /** Uses the tenant, which must still be there. */
  use(request: FastifyRequest, where: string): void {
    if (request.tenant.disposals > 0) this.mourners.push(`${request.method} ${request.url}: ${where}`)
  }
}

/** Waits until the server knows that a request's client is gone. */
export async function gone({ raw }: FastifyRequest): Promise<void> {
  if (!raw.socket.destroyed) await once(raw.socket, 'close')
  // The connection is told first, and what it carries after it.
  await new Promise((resolve) => setImmediate(resolve))
}
