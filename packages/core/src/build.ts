import { AsyncResource } from 'node:async_hooks'
import type { TenantryError } from './errors.ts'
import { type Lease, newLease, type PooledTenant } from './lease.ts'
import type { Reading } from './reading.ts'
import type { Slots } from './slots.ts'
import { bears, outdates, type Stamp, type Tokens } from './stamp.ts'
import { ALL, type TokenKey } from './token.ts'
import type { BuildTrace } from './tracing.ts'

/** Why `load` or `create` failed, and under which tokens. */
interface BuildFailure {
  readonly tokens: Tokens
  readonly error: unknown
  readonly retryAfterMs: number
}

interface Waiter<Tenant> {
  resolve(lease: Lease<Tenant>): void
  reject(error: unknown): void
}

/** One build of a tenant, waiting or running, and those who wait for it. */
export class Build<Tenant> {
  readonly key: TokenKey
  readonly id: string
  /** The slots of which it asks for one; until it has it, it waits. */
  readonly slots: Slots
  /** When it was asked for, in milliseconds on the monotonic clock. */
  readonly askedAt: number
  /** How much of its time limit it has used: what it waits for slots does not count. */
  spentMs = 0
  /** Undefined: `load` and `create` have not failed. */
  failure: BuildFailure | undefined
  /** What is told of it to those who trace builds. Undefined: nobody does. */
  trace: BuildTrace | undefined
  /** The asynchronous context of the request that asked for it. */
  readonly #context = new AsyncResource('TenantryBuild')
  readonly #abort = new AbortController()
  readonly #waiters: Waiter<Tenant>[] = []
  #stamp: Stamp | undefined
  #outdated = false
  /** Of the answers that came before its tokens were known, for each key the one that was asked for last. */
  #latest: { tenant?: Reading; all?: Reading } = {}

  constructor(tenant: { key: TokenKey; id: string }, slots: Slots, askedAt: number) {
    this.key = tenant.key
    this.id = tenant.id
    this.slots = slots
    this.askedAt = askedAt
  }

  /** Fires when nobody wants what is being built any more: at the time limit, or when the pool closes. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /**
   * Runs what begins the build in the context of the request that asked for it: not of the request whose build has
   * ended just before.
   */
  begin(run: () => void): void {
    this.#context.runInAsyncScope(run)
  }

  /** The tokens it is built under; undefined until they are known. */
  get stamp(): Stamp | undefined {
    return this.#stamp
  }

  /** Whether an answer that was asked for later than its tokens found others. It then never enters the pool. */
  get outdated(): boolean {
    return this.#outdated
  }

  /** Its tokens are known now; what came before them, and was asked for later, may already outdate it. */
  setStamp(stamp: Stamp): void {
    this.#stamp = stamp
    for (const reading of Object.values(this.#latest)) this.see(reading)
    this.#latest = {}
  }

  /** Whether a request that has just read these tokens may join it while it runs. */
  isUnder(tokens: Tokens): boolean {
    return this.#stamp !== undefined && !this.#outdated && bears(this.#stamp, tokens)
  }

  /** Takes in an answer about its tenant. */
  see(reading: Reading): void {
    if (this.#stamp !== undefined) {
      this.#outdated ||= outdates(reading, this.#stamp, this.key)
      return
    }
    const { tenant, all } = this.#latest
    if (reading.answer(this.key) !== undefined && reading.order > (tenant?.order ?? 0))
      this.#latest.tenant = reading
    if (reading.answer(ALL) !== undefined && reading.order > (all?.order ?? 0)) this.#latest.all = reading
  }

  join(): Promise<Lease<Tenant>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
    })
  }

  /** Gives each who waits a lease: at once, so that nothing can end the tenant before all have theirs. */
  succeed(pooled: PooledTenant<Tenant>): void {
    for (const waiter of this.#waiters) {
      waiter.resolve(newLease(pooled))
    }
  }

  /** Nobody waits for it any longer. */
  fail(error: unknown): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
  }

  abort(reason: TenantryError): void {
    this.#abort.abort(reason)
  }
}
