import type { Lease } from '../../src/lease.ts'
import type { TenantPoolEvents } from '../../src/pool-events.ts'
import type { TenantPoolOptions } from '../../src/pool-options.ts'
import { TenantPool } from '../../src/tenant-pool.ts'
import type { Token, TokenKey } from '../../src/token.ts'
import { HeldTokenStore } from './held-token-store.ts'
import { ManualClock } from './manual-clock.ts'
import { EVENTS } from './pool-event-names.ts'

type Told = {
  [Name in keyof TenantPoolEvents]: { event: Name } & TenantPoolEvents[Name][0]
}[keyof TenantPoolEvents]

/** A request for a tenant, and what has become of it so far. */
export class FollowedRequest<Tenant> {
  /** `waiting`, the token under which the tenant that serves it was built, or the code of its error. */
  outcome = 'waiting'
  lease: Lease<Tenant> | undefined
  error: (Error & { code?: string; cause?: unknown }) | undefined

  constructor(asked: Promise<Lease<Tenant>>) {
    asked.then(
      (lease) => {
        this.lease = lease
        this.outcome = lease.token
      },
      (error) => {
        this.error = error
        this.outcome = error.code ?? String(error)
      },
    )
  }
}

/** One replica, on a clock and a token store that do nothing unless they are told to. */
export class PoolScene<Config = unknown> {
  readonly clock = new ManualClock()
  readonly store: HeldTokenStore
  readonly pool: TenantPool<Config>
  /** What the pool has told, oldest first. */
  readonly told: Told[] = []
  /** The ids that `load` was asked for, oldest first. */
  readonly loads: string[] = []

  /** @param options `load` is told of every id but those that begin with `no-`, unless it is given */
  constructor(tokens: Record<TokenKey, Token | Error>, options: Partial<TenantPoolOptions<Config>> = {}) {
    this.store = new HeldTokenStore(tokens)
    const load = options.load ?? ((id) => (id.startsWith('no-') ? undefined : ({ id } as Config)))
    this.pool = new TenantPool<Config>({
      tokens: this.store,
      clock: this.clock,
      ...options,
      load: (id, context) => {
        this.loads.push(id)
        return load(id, context)
      },
    })
    for (const event of EVENTS) {
      this.pool.on(event, (...[told]: unknown[]) => this.told.push({ event, ...(told as object) } as Told))
    }
  }

  readonly acquire = (id: string): FollowedRequest<Config> => {
    return new FollowedRequest(this.pool.acquire(id))
  }

  /** Takes tenants into the pool and gives their leases back, while the store answers by itself. */
  async pooled(...ids: string[]): Promise<void> {
    this.store.letGo()
    await this.#release(ids.map((id) => this.acquire(id)))
    this.store.open = false
  }

  /** How often an event was told. */
  count(event: keyof TenantPoolEvents): number {
    return this.told.filter((told) => told.event === event).length
  }

  async #release(requests: FollowedRequest<Config>[]): Promise<void> {
    for (let turns = 0; requests.some(({ outcome }) => outcome === 'waiting'); turns += 1) {
      if (turns === 100) throw new Error('The tenants were not built')
      await this.clock.turn()
    }
    for (const { lease, error } of requests) {
      if (lease === undefined) throw error
      lease.release()
    }
  }
}
