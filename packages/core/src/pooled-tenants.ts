import { LRUCache } from 'lru-cache'
import { TenantryError } from './errors.ts'
import type { HeldTenant } from './heartbeat-store.ts'
import { PooledTenant } from './lease.ts'
import type { Tell } from './pool-events.ts'
import type { PoolOptions } from './pool-options.ts'
import type { Reading } from './reading.ts'
import { bears, outdates, type Stamp, stands, type Tokens } from './stamp.ts'
import { ALL, type TokenKey } from './token.ts'

type PooledTenantsOptions<Tenant> = Pick<
  PoolOptions<unknown, Tenant>,
  'clock' | 'dispose' | 'drainTimeoutMs' | 'maxTenants'
>

/** The tenants in memory: those in the pool, and those that have left it and drain. */
export class PooledTenants<Tenant> {
  readonly #options: PooledTenantsOptions<Tenant>
  readonly #tell: Tell
  /** By id. */
  readonly #pooled: LRUCache<string, PooledTenant<Tenant>>
  /** The same tenants: answers of the store come by key. */
  readonly #byKey = new Map<TokenKey, PooledTenant<Tenant>>()
  /** In memory, but not in the pool: on their way into it, or draining. */
  readonly #outside = new Set<PooledTenant<Tenant>>()
  readonly #disposals = new Set<Promise<boolean>>()
  #onEnded: (() => void) | undefined
  #closed: TenantryError | undefined

  constructor(options: PooledTenantsOptions<Tenant>, tell: Tell) {
    this.#options = options
    this.#tell = tell
    this.#pooled = new LRUCache({
      max: options.maxTenants,
      disposeAfter: (pooled, _id, reason) => {
        // Whoever deletes one ends it. All others leave here: for another tenant, or for another of the same id.
        if (reason === 'delete') return
        if (this.#byKey.get(pooled.key) === pooled) this.#byKey.delete(pooled.key)
        this.#leave(pooled, new TenantryError('TENANTRY_ERR_TENANT_EVICTED'))
        tell('evicted', { id: pooled.id, token: pooled.stamp.tenant.token })
      },
    })
  }

  get size(): number {
    return this.#pooled.size
  }

  get draining(): number {
    return [...this.#outside].filter(({ left }) => left !== undefined).length
  }

  /** The leases that are held, on tenants in the pool and on draining ones. */
  get leases(): number {
    let leases = 0
    for (const pooled of this.#pooled.values()) leases += pooled.leases
    for (const pooled of this.#outside) leases += pooled.leases
    return leases
  }

  values(): Iterable<PooledTenant<Tenant>> {
    return this.#pooled.values()
  }

  /** The tenants in the pool, by id. */
  held(): Map<string, HeldTenant> {
    return new Map(Array.from(this.#pooled.values(), (pooled) => [pooled.id, heldTenant(pooled)]))
  }

  /** What is in the pool of one tenant. It is not used by that. */
  heldOf(key: TokenKey): HeldTenant | undefined {
    const pooled = this.#byKey.get(key)
    return pooled && heldTenant(pooled)
  }

  /** The tenant in the pool, now the most recently used. */
  get(id: string): PooledTenant<Tenant> | undefined {
    return this.#pooled.get(id)
  }

  /** The tenant in the pool, if it bears just these tokens. */
  find(id: string, tokens: Tokens): PooledTenant<Tenant> | undefined {
    const pooled = this.#pooled.get(id)
    return pooled !== undefined && bears(pooled.stamp, tokens) ? pooled : undefined
  }

  create(built: { key: TokenKey; id: string; tenant: Tenant; stamp: Stamp }): PooledTenant<Tenant> {
    const { clock, drainTimeoutMs } = this.#options
    const pooled: PooledTenant<Tenant> = new PooledTenant(built, {
      clock,
      drainTimeoutMs,
      drained: (leases) => this.#end(pooled, leases),
    })
    this.#outside.add(pooled)
    if (this.#closed !== undefined) pooled.leave(this.#closed)
    return pooled
  }

  enter(pooled: PooledTenant<Tenant>): void {
    this.#outside.delete(pooled)
    // First: whoever is told of the one that leaves for it finds it by its key, too.
    this.#byKey.set(pooled.key, pooled)
    this.#pooled.set(pooled.id, pooled)
  }

  /** Takes in an answer: what it outdates leaves at once; what stands has been checked when the answer was asked for. */
  see(key: TokenKey, reading: Reading): void {
    const pooled = this.#byKey.get(key)
    if (pooled === undefined) return
    if (stands(pooled.stamp, reading, key)) {
      pooled.checkedAt = Math.max(pooled.checkedAt, reading.at)
    } else if (outdates(reading, pooled.stamp, key)) {
      this.#pooled.delete(pooled.id)
      this.#byKey.delete(key)
      this.outdate(pooled)
    }
  }

  /** Takes in an answer about all tenants. False: some have been stamped with another token since it was asked for. */
  seeAll(reading: Reading): boolean {
    for (const key of [...this.#byKey.keys()]) this.see(key, reading)
    const all = reading.answer(ALL)
    return Array.from(this.#byKey.values()).every(({ stamp }) => stamp.all.token === all)
  }

  /** Ends a tenant that is in the pool no longer, or never was, since its tokens are no longer those of its stamp. */
  outdate(pooled: PooledTenant<Tenant>): void {
    this.#leave(pooled, new TenantryError('TENANTRY_ERR_TENANT_RESTARTED'))
    this.#tell('replaced', { id: pooled.id, token: pooled.stamp.tenant.token })
  }

  /** Disposes of what `create` made; resolves to whether that went well. */
  dispose(tenant: Tenant, id: string): Promise<boolean> {
    const disposal = this.#dispose(tenant, id)
    this.#disposals.add(disposal)
    void disposal.then(() => {
      this.#disposals.delete(disposal)
      this.#onEnded?.()
    })
    return disposal
  }

  /** All leave. Resolves when all, and those that left before, are disposed of. */
  async close(reason: TenantryError): Promise<void> {
    this.#closed = reason
    const tenants = [...this.#pooled.values(), ...this.#outside]
    this.#pooled.clear()
    this.#byKey.clear()
    for (const pooled of tenants) this.#leave(pooled, reason)
    while (this.#outside.size > 0 || this.#disposals.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onEnded = resolve
      })
    }
  }

  #leave(pooled: PooledTenant<Tenant>, reason: TenantryError): void {
    this.#outside.add(pooled)
    pooled.leave(reason)
  }

  #end(pooled: PooledTenant<Tenant>, leases: number): void {
    const { id, tenant, stamp } = pooled
    void this.dispose(tenant, id).then((disposed) => {
      this.#outside.delete(pooled)
      if (disposed) this.#tell('disposed', { id, token: stamp.tenant.token, leases })
      this.#onEnded?.()
    })
  }

  async #dispose(tenant: Tenant, id: string): Promise<boolean> {
    try {
      await this.#options.dispose(tenant, { id })
      return true
    } catch (error) {
      this.#tell('disposeFailed', { id, error })
      return false
    }
  }
}

function heldTenant({ stamp, builtAt }: PooledTenant<unknown>): HeldTenant {
  return { state: 'held', token: stamp.tenant.token, all: stamp.all.token, builtAt }
}
