import { once } from 'node:events'
import { eventually } from '@tenantry/testing'
import type { Visit } from './visit.ts'

/** What handlers do for their requests. It takes as long as the test wants. */
export class Work {
  /** The requests whose handlers have come to it. */
  readonly visits: Visit[] = []
  /** Who has met a tenant that was disposed of, and where. */
  readonly mourners: string[] = []
  #finish!: () => void
  readonly #finished = new Promise<void>((resolve) => {
    this.#finish = resolve
  })

  /** Waits until `count` handlers are at work. */
  async begun(count = 1): Promise<Visit> {
    await eventually(() => this.visits.length >= count, { timeoutMs: 10_000 })
    return this.visits[0] as Visit
  }

  /** Lets all handlers go on. */
  finish(): void {
    this.#finish()
  }

  /** The work itself. */
  async do(visit: Visit): Promise<void> {
    this.visits.push(visit)
    await this.#finished
  }

  /** Uses the tenant, which must still be there. */
  use(visit: Visit, where: string): void {
    if (visit.tenant.disposals > 0) this.mourners.push(`${visit.method} ${visit.url}: ${where}`)
  }
}

/** Waits until the server knows that a request's client is gone. */
export async function gone({ connection }: Visit): Promise<void> {
  if (!connection.destroyed) await once(connection as NodeJS.EventEmitter & Visit['connection'], 'close')
  // The connection is told first, and what it carries after it.
  await new Promise((resolve) => setImmediate(resolve))
}
