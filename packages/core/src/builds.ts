import { Build } from './build.ts'
import type { Clock } from './clock.ts'
import type { TenantryError } from './errors.ts'
import type { Lease, PooledTenant } from './lease.ts'
import type { Reading } from './reading.ts'
import type { Slot, Slots } from './slots.ts'
import type { Tokens } from './stamp.ts'
import type { TokenKey } from './token.ts'

export interface BuildsOptions<Tenant> {
  readonly clock: Clock
  /** Runs one build; resolves to a tenant that is held, lest it end before all who wait for it have their leases. */
  readonly build: (build: Build<Tenant>, slot: Slot) => Promise<PooledTenant<Tenant>>
  /** Told of what was built, after all who waited for it have their leases. */
  readonly onBuilt: (pooled: PooledTenant<Tenant>, build: Build<Tenant>) => void
  readonly onFailed: (build: Build<Tenant>, error: unknown) => void
}

/** A tenant's place: at most one build runs in it, and one more waits (G4). */
interface Place<Tenant> {
  running: Build<Tenant> | undefined
  waiting: Build<Tenant> | undefined
}

/** All builds of a replica. */
export class Builds<Tenant> {
  readonly #options: BuildsOptions<Tenant>
  readonly #places = new Map<TokenKey, Place<Tenant>>()
  /** Apart, since every answer is shown to them, and many more may wait. */
  readonly #running = new Set<Build<Tenant>>()
  /** They have not asked for a slot yet. */
  #behind = 0
  #closed = false

  constructor(options: BuildsOptions<Tenant>) {
    this.#options = options
  }

  /** Builds that wait behind a running one of the same tenant. */
  get behind(): number {
    return this.#behind
  }

  /**
   * Joins a build: the running one if it is under just these tokens; the waiting one whatever the tokens, since it
   * has not asked for its own yet; otherwise a new one, which asks for a slot of `slots`.
   *
   * @throws TENANTRY_ERR_BUILD_QUEUE_FULL
   */
  join(tenant: { key: TokenKey; id: string }, tokens: Tokens, slots: Slots): Promise<Lease<Tenant>> {
    let place = this.#places.get(tenant.key)
    if (place?.running?.isUnder(tokens)) return place.running.join()
    if (place?.waiting !== undefined) return place.waiting.join()
    // Unless it needs not wait: there is a slot, and nothing of this tenant is running.
    if (place !== undefined || !slots.anyFree) slots.refuseIfFull(this.#behind)
    const build = new Build<Tenant>(tenant, slots, this.#options.clock.now())
    if (place === undefined) {
      place = { running: undefined, waiting: build }
      this.#places.set(tenant.key, place)
      void this.#run(build, place)
    } else {
      place.waiting = build
      this.#behind += 1
    }
    return build.join()
  }

  /** Takes in an answer about a tenant: it may outdate the build that runs. */
  see(key: TokenKey, reading: Reading): void {
    this.#places.get(key)?.running?.see(reading)
  }

  /** Takes in an answer about all tenants. */
  seeAll(reading: Reading): void {
    for (const running of this.#running) running.see(reading)
  }

  /** Ends all builds. */
  close(reason: TenantryError): void {
    this.#closed = true
    for (const { running, waiting } of this.#places.values()) {
      running?.abort(reason)
      running?.fail(reason)
      waiting?.fail(reason)
    }
    this.#places.clear()
    this.#behind = 0
  }

  async #run(build: Build<Tenant>, place: Place<Tenant>): Promise<void> {
    const slot = await build.slots.take()
    if (this.#closed) {
      // Lookups of hosts may wait for it, and must hear that the pool has closed.
      slot.giveBack()
      return
    }
    place.waiting = undefined
    place.running = build
    this.#running.add(build)
    try {
      const pooled = await this.#options.build(build, slot)
      build.succeed(pooled)
      pooled.release()
      this.#options.onBuilt(pooled, build)
    } catch (error) {
      build.fail(error)
      this.#options.onFailed(build, error)
    } finally {
      this.#running.delete(build)
      slot.giveBack()
      if (!this.#closed) this.#next(build.key, place)
    }
  }

  /** The place is free: the build that waits behind asks for a slot, at the end of the queue like any other. */
  #next(key: TokenKey, place: Place<Tenant>): void {
    const { waiting } = place
    place.running = undefined
    if (waiting === undefined) {
      this.#places.delete(key)
      return
    }
    this.#behind -= 1
    waiting.begin(() => void this.#run(waiting, place))
  }
}
