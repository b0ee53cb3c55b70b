import type { Clock } from './clock.ts'
import { TenantryError } from './errors.ts'
import { Slots } from './slots.ts'
import { untilAborted } from './until-aborted.ts'

export interface LookupsOptions {
  readonly clock: Clock
  /** How many lookups run at a time. */
  readonly maxConcurrent: number
  /** How many may wait. */
  readonly maxWaiting: number
  /** How long one may take, in milliseconds. */
  readonly timeoutMs: number
  /** Told how each lookup went. An undefined outcome: well. */
  readonly onOutcome: (hostname: string, outcome: { error: unknown } | undefined) => void
}

/** Questions to the authority about what may not exist. They have slots of their own, so that a flood holds no build up. */
export class Lookups {
  readonly slots: Slots
  readonly #options: LookupsOptions
  readonly #running = new Set<AbortController>()
  #closed: TenantryError | undefined

  constructor(options: LookupsOptions) {
    this.#options = options
    this.slots = new Slots(options.maxConcurrent, options.maxWaiting)
  }

  /**
   * Looks one host up, in a slot.
   *
   * @throws TENANTRY_ERR_LOOKUP_FAILED, TENANTRY_ERR_BUILD_QUEUE_FULL, TENANTRY_ERR_POOL_CLOSED
   */
  async run<T>(hostname: string, lookup: (context: { signal: AbortSignal }) => Promise<T>): Promise<T> {
    const { clock, timeoutMs, onOutcome } = this.#options
    this.slots.refuseIfFull()
    const slot = await this.slots.take()
    const abort = new AbortController()
    const timer = clock.setTimeout(
      () => abort.abort(new TenantryError('TENANTRY_ERR_BUILD_TIMEOUT')),
      timeoutMs,
    )
    this.#running.add(abort)
    try {
      if (this.#closed !== undefined) throw this.#closed
      const found = await untilAborted(abort.signal, lookup({ signal: abort.signal }))
      onOutcome(hostname, undefined)
      return found
    } catch (cause) {
      if (this.#closed !== undefined) throw this.#closed
      onOutcome(hostname, { error: cause })
      throw new TenantryError('TENANTRY_ERR_LOOKUP_FAILED', { cause })
    } finally {
      this.#running.delete(abort)
      clock.clearTimeout(timer)
      slot.giveBack()
    }
  }

  close(reason: TenantryError): void {
    this.#closed = reason
    for (const abort of this.#running) abort.abort(reason)
  }
}
