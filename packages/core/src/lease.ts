import { setMaxListeners } from 'node:events'
import type { Clock, Timer } from './clock.ts'
import type { TenantryError } from './errors.ts'
import type { Stamp } from './stamp.ts'
import type { Token, TokenKey } from './token.ts'

/** One request's (or job's) hold on one tenant: until `release`, the tenant is not disposed of, drain deadline aside. */
export interface Lease<Tenant> {
  /** The same object from the first hook to the last byte. */
  readonly tenant: Tenant
  readonly id: string
  /** The tenant's own token (of `tenant:<id>`) under which it was built. */
  readonly token: Token
  readonly builtAt: Date
  /**
   * Fires when the tenant leaves the pool; the lease goes on. The reason is a `TenantryError`:
   * `TENANTRY_ERR_TENANT_RESTARTED`, `TENANTRY_ERR_TENANT_EVICTED` or `TENANTRY_ERR_POOL_CLOSED`.
   */
  readonly signal: AbortSignal
  /** Gives the tenant back. Calling it again does nothing. */
  release(): void
}

/** What a tenant needs to end well. */
export interface TenantEnd {
  readonly clock: Clock
  /** After how long a tenant that has left the pool is disposed of even if leases remain, in milliseconds. */
  readonly drainTimeoutMs: number
  /** Called once, after the last lease or at the deadline. */
  readonly drained: (leasesLeft: number) => void
}

/** One generation of a tenant: what was built, under which tokens, and how many leases hold it. */
export class PooledTenant<Tenant> {
  readonly key: TokenKey
  readonly id: string
  readonly tenant: Tenant
  readonly stamp: Stamp
  readonly builtAt: Date = new Date()
  /** When the newest answered check that found it unchanged was asked for; milliseconds, monotonic. */
  checkedAt: number
  /** When its token's lifetime was last extended; milliseconds, monotonic. */
  touchedAt: number = Number.NEGATIVE_INFINITY
  readonly #end: TenantEnd
  #leases = 0
  #left: TenantryError | undefined
  #drained = false
  #abort: AbortController | undefined
  #deadline: Timer | undefined

  constructor(built: { key: TokenKey; id: string; tenant: Tenant; stamp: Stamp }, end: TenantEnd) {
    this.key = built.key
    this.id = built.id
    this.tenant = built.tenant
    this.stamp = built.stamp
    this.checkedAt = Math.min(built.stamp.tenant.at, built.stamp.all.at)
    this.#end = end
  }

  get leases(): number {
    return this.#leases
  }

  /** Why it left the pool; undefined while it is there. */
  get left(): TenantryError | undefined {
    return this.#left
  }

  /** Whether its end has begun: nobody may have it any more. */
  get drained(): boolean {
    return this.#drained
  }

  /** Made when first asked for: most leases end without anybody listening. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      // All leases share it, and each may listen: that is no leak.
      setMaxListeners(0, this.#abort.signal)
      if (this.#left !== undefined) this.#abort.abort(this.#left)
    }
    return this.#abort.signal
  }

  /** Keeps it from being disposed of, until `release`. */
  hold(): this {
    this.#leases += 1
    return this
  }

  release(): void {
    this.#leases -= 1
    this.#drain()
  }

  /** A lease that takes over one `hold`. */
  lease(): Lease<Tenant> {
    return new HeldLease(this)
  }

  /** Leaves the pool: from now on nobody new gets it, and it drains. */
  leave(reason: TenantryError): void {
    if (this.#left !== undefined) return
    this.#left = reason
    this.#abort?.abort(reason)
    // Listeners of the signal may have released the last lease, and with it ended this tenant.
    this.#drain()
    if (this.#drained) return
    this.#deadline = this.#end.clock.setTimeout(() => this.#finish(), this.#end.drainTimeoutMs)
  }

  #drain(): void {
    if (this.#left !== undefined && this.#leases === 0) this.#finish()
  }

  #finish(): void {
    if (this.#drained) return
    this.#drained = true
    if (this.#deadline !== undefined) this.#end.clock.clearTimeout(this.#deadline)
    this.#end.drained(this.#leases)
  }
}

class HeldLease<Tenant> implements Lease<Tenant> {
  readonly #held: PooledTenant<Tenant>
  #released = false

  constructor(held: PooledTenant<Tenant>) {
    this.#held = held
  }

  get tenant(): Tenant {
    return this.#held.tenant
  }

  get id(): string {
    return this.#held.id
  }

  get token(): Token {
    return this.#held.stamp.tenant.token
  }

  get builtAt(): Date {
    return this.#held.builtAt
  }

  get signal(): AbortSignal {
    return this.#held.signal
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    this.#held.release()
  }
}

/** A lease on a tenant that nobody holds for the caller yet. */
export function newLease<Tenant>(pooled: PooledTenant<Tenant>): Lease<Tenant> {
  return pooled.hold().lease()
}
