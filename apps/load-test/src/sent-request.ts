import type { Dispatcher } from 'undici'
import type { Exchange } from './exchange.ts'
import type { LoadTenant } from './load-tenants.ts'
import { monotonicMs } from './monotonic-ms.ts'
import type { Target } from './scene.ts'

/** Of a request that was never sent. */
const NOTHING: Exchange['required'] = { id: 0, sequence: 0 }

type Controller = Dispatcher.DispatchController
type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2]

/** A request on its way, and at its end an {@link Exchange}: takes in what undici tells of it. */
export class SentRequest implements Exchange, Dispatcher.DispatchHandler {
  readonly tenant: LoadTenant
  readonly sentTo: string | undefined
  /** For how long it waits at the server, holding its tenant, in milliseconds. Above 0, its latency tells nothing. */
  readonly waitMs: number
  readonly dispatchedAt: number
  sentAt: number
  endedAt = 0
  required: Exchange['required'] = NOTHING
  status: number | undefined
  token: string | undefined
  replica: string | undefined
  server: string | undefined
  error: Error | undefined
  readonly #lookUp: Sending['required']
  readonly #onEnd: (request: SentRequest) => void
  #chunk: Buffer | undefined

  constructor({ tenant, required, target, waitMs }: Sending, onEnd: (request: SentRequest) => void) {
    this.tenant = tenant
    this.sentTo = target.replica
    this.waitMs = waitMs
    this.#lookUp = required
    this.#onEnd = onEnd
    this.dispatchedAt = monotonicMs()
    this.sentAt = this.dispatchedAt
  }

  get path(): string {
    return this.waitMs > 0 ? `/slow?ms=${this.waitMs}` : '/whoami'
  }

  get body(): string {
    return this.#chunk?.toString() ?? ''
  }

  /** A connection is there and free: nothing comes between this and the writing. */
  onRequestStart(): void {
    this.required = this.#lookUp(this.tenant)
    // After that: all that is required had resolved by then.
    this.sentAt = monotonicMs()
  }

  onResponseStart(_controller: Controller, status: number, headers: Headers): void {
    this.status = status
    this.token = headers['x-tenantry-token']?.toString()
    this.replica = headers['x-tenantry-replica']?.toString()
    this.server = headers['x-load-test-server']?.toString()
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    this.#chunk = this.#chunk === undefined ? chunk : Buffer.concat([this.#chunk, chunk])
  }

  onResponseEnd(): void {
    this.#end()
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.error = error
    this.#end()
  }

  #end(): void {
    this.endedAt = monotonicMs()
    this.#onEnd(this)
  }
}

export interface Sending {
  readonly tenant: LoadTenant
  /** Asked just before it is sent: what its answer must show. */
  readonly required: (tenant: LoadTenant) => Exchange['required']
  readonly target: Target
  readonly waitMs: number
}
