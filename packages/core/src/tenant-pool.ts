import { EventEmitter } from 'node:events'
import { BackOff } from './back-off.ts'
import type { Build } from './build.ts'
import { Builder } from './builder.ts'
import { Builds } from './builds.ts'
import { hasCode, quote, TenantryError } from './errors.ts'
import { Failing } from './failing.ts'
import { guarded } from './guarded.ts'
import type { HeldTenant } from './heartbeat-store.ts'
import type { HostDirectory } from './host-directory.ts'
import { type Lease, newLease, type PooledTenant } from './lease.ts'
import { Lookups } from './lookups.ts'
import type { Tell, TenantPoolEvents } from './pool-events.ts'
import { openStore, type PoolOptions, resolvePoolOptions, type TenantPoolOptions } from './pool-options.ts'
import type { TenantPoolStats } from './pool-stats.ts'
import { PooledTenants } from './pooled-tenants.ts'
import type { Reading } from './reading.ts'
import { Slots } from './slots.ts'
import { type Stamp, stands, tokensIn } from './stamp.ts'
import { Sweep } from './sweep.ts'
import { ALL, ALL_HOSTS, type Token, type TokenKey, tenantKey } from './token.ts'
import { TokenReader } from './token-reader.ts'
import type { TokenStore } from './token-store.ts'
import { checkChannel, traceCheck } from './tracing.ts'
import { Unknown } from './unknown.ts'

/** How many host names are kept for each tenant that is, on average. */
const HOSTS_PER_TENANT = 10

/**
 * A replica's tenants: an LRU whose every tenant is checked against the token store before a request gets it.
 *
 * The order of things, and why each step stands where it does, is told in `docs/guides/how-it-works.md`.
 */
export class TenantPool<Config = unknown, Tenant = Config> extends EventEmitter<TenantPoolEvents> {
  readonly #options: PoolOptions<Config, Tenant>
  readonly #store: TokenStore
  readonly #tenants: PooledTenants<Tenant>
  readonly #reader: TokenReader
  readonly #lookups: Lookups
  readonly #slots: Slots
  readonly #builder: Builder<Config, Tenant>
  readonly #builds: Builds<Tenant>
  readonly #sweep: Sweep
  readonly #failing: Failing
  /**
   * What was last found at the key that speaks for all tenants. `null`: nothing, or not all that is in the pool bears
   * it; the next answer is then new to some, even if it is the same.
   */
  #latestAll: { answer: Token | null; order: number } = { answer: null, order: 0 }
  #unreachableSince = 0
  #closing = false
  #closed: Promise<void> | undefined

  /** @throws TENANTRY_ERR_OPTIONS_INVALID */
  constructor(options: TenantPoolOptions<Config, Tenant>) {
    super()
    const pool = resolvePoolOptions(options)
    const { clock, tokens, maxTenants, maxConcurrentBuilds } = pool
    this.#options = pool
    this.#store = openStore(tokens)
    this.#failing = new Failing(this.#tell)
    this.#tenants = new PooledTenants(pool, this.#tell)
    this.#reader = new TokenReader({
      store: this.#store,
      newToken: pool.newToken,
      clock,
      checkTimeoutMs: pool.checkTimeoutMs,
      onAnswer: (reading) => this.#onAnswer(reading),
      onUnreachable: (error) => {
        this.#unreachableSince = clock.now()
        this.#tell('storeUnreachable', { error })
      },
      onReachable: () => this.#tell('storeReachable', { afterMs: clock.now() - this.#unreachableSince }),
      onOutcome: (operation, keys, error) => this.#failing.operation(operation, keys, error),
    })
    this.#lookups = new Lookups({
      clock,
      maxConcurrent: maxConcurrentBuilds,
      maxWaiting: maxTenants,
      timeoutMs: pool.buildTimeoutMs,
      onOutcome: (hostname, outcome) => this.#failing.lookup(hostname, outcome),
    })
    this.#slots = new Slots(maxConcurrentBuilds, maxTenants)
    this.#builder = new Builder({
      pool,
      reader: this.#reader,
      tenants: this.#tenants,
      backOff: new BackOff(clock, maxTenants),
      unknown: this.#newUnknown(),
      buildSlots: this.#slots,
      lookupSlots: this.#lookups.slots,
    })
    this.#builds = new Builds({
      clock,
      build: (build, slot) => this.#builder.build(build, slot),
      onBuilt: (pooled, build) => this.#onBuilt(pooled, build),
      onFailed: (build, error) => this.#onBuildFailed(build, error),
    })
    this.#sweep = new Sweep({
      reader: this.#reader,
      clock,
      sweepMs: pool.sweepMs,
      tenants: () => this.#tenants.values(),
    })
  }

  /**
   * Checks the tenant, builds it where that is needed, and leases it.
   *
   * @throws TENANTRY_ERR_TENANT_ID_INVALID, TENANTRY_ERR_TENANT_NOT_FOUND, TENANTRY_ERR_BUILD_FAILED,
   * TENANTRY_ERR_BUILD_QUEUE_FULL, TENANTRY_ERR_STORE_UNREACHABLE, TENANTRY_ERR_POOL_CLOSED
   */
  async acquire(id: string): Promise<Lease<Tenant>> {
    this.#refuseIfClosing()
    const leased = this.#tenants.get(id)
    if (leased !== undefined && this.#isChecked(leased)) return newLease(leased)
    const key = leased?.key ?? tenantKey(id)
    // The lease comes before the check, lest the tenant be disposed of meanwhile.
    leased?.hold()
    const keys = leased === undefined ? [key, ALL, ALL_HOSTS] : [key, ALL]
    const reading = checkChannel.hasSubscribers
      ? await this.#traceCheck({ id, key, stamp: leased?.stamp }, keys)
      : this.#reader.ask(keys)
    await reading?.settled
    if (leased !== undefined) {
      const stood = reading !== undefined && stands(leased.stamp, reading, key)
      if (stood && mayBeServed(leased) && !this.#closing) return leased.lease()
      leased.release()
    }
    const tokens = reading && tokensIn(reading, key)
    this.#refuseIfClosing()
    if (tokens === undefined) return this.#leaseUnchecked(id)
    const pooled = this.#tenants.find(id, tokens)
    if (pooled !== undefined) return newLease(pooled)
    this.#builder.refuse(key, tokens, reading?.answer(ALL_HOSTS))
    const mayNotExist = tokens.tenant === null || tokens.all === null
    return this.#builds.join({ key, id }, tokens, mayNotExist ? this.#lookups.slots : this.#slots)
  }

  /**
   * Runs `run` with a leased tenant: for queue workers, cron jobs, anything that is not HTTP.
   *
   * @throws what `acquire` throws, and what `run` throws
   */
  async use<Result>(
    id: string,
    run: (tenant: Tenant, lease: Lease<Tenant>) => Result | Promise<Result>,
  ): Promise<Result> {
    const lease = await this.acquire(id)
    try {
      return await run(lease.tenant, lease)
    } finally {
      lease.release()
    }
  }

  /** A way to lease by host name instead of id, through a directory. @throws TENANTRY_ERR_OPTIONS_INVALID */
  byHost(directory: HostDirectory<Tenant>): (hostname: string) => Promise<Lease<Tenant>> {
    if (typeof directory?.connect !== 'function') {
      const message = `Expected a host directory, made by \`hostDirectory\`, got ${quote(directory)}`
      throw new TenantryError('TENANTRY_ERR_OPTIONS_INVALID', { message })
    }
    return directory.connect({
      acquire: (id) => this.acquire(id),
      readHostsToken: () => this.#readHostsToken(),
      lookups: this.#lookups,
      unknown: this.#newUnknown(),
      onHostnamesFailed: (id, error) => this.#tell('hostnamesFailed', { id, error }),
      maxHosts: HOSTS_PER_TENANT * this.#options.maxTenants,
    })
  }

  /** After how long a tenant that has left the pool is disposed of even if leases remain, in milliseconds. */
  get drainTimeoutMs(): number {
    return this.#options.drainTimeoutMs
  }

  /** The tenants in the pool, by id, and the tokens that each was built under. Those that drain are not among them. */
  held(): Map<string, HeldTenant> {
    return this.#tenants.held()
  }

  /** What the pool holds of one tenant. It does not count as a use. @throws TENANTRY_ERR_TENANT_ID_INVALID */
  heldOf(id: string): HeldTenant | undefined {
    return this.#tenants.heldOf(tenantKey(id))
  }

  stats(): TenantPoolStats {
    return {
      tenants: this.#tenants.size,
      draining: this.#tenants.draining,
      leases: this.#tenants.leases,
      buildsRunning: this.#slots.used,
      buildsWaiting: this.#slots.waiting + this.#builds.behind,
      lookupsRunning: this.#lookups.slots.used,
      lookupsWaiting: this.#lookups.slots.waiting,
      store: this.#reader.reachable ? 'reachable' : 'unreachable',
    }
  }

  /**
   * Gives out no more leases, ends builds, waits for leases until the drain deadline, disposes of all tenants, and
   * then closes the store if the pool opened it. It waits for `dispose`, however long that takes; not for a `create`
   * that goes on in spite of its signal, of which the product is disposed of when it comes. Calling it again returns
   * the same promise.
   */
  close(): Promise<void> {
    this.#closing = true
    // Later, so that listeners that are told of the end can call this, too.
    this.#closed ??= Promise.resolve().then(() => this.#close())
    return this.#closed
  }

  async #close(): Promise<void> {
    const reason = new TenantryError('TENANTRY_ERR_POOL_CLOSED')
    this.#sweep.stop()
    this.#reader.close()
    this.#builds.close(reason)
    this.#lookups.close(reason)
    await this.#tenants.close(reason)
    if (typeof this.#options.tokens === 'function') await this.#store.close?.()
  }

  /** Whether its last check is young enough for another one not to be asked for. */
  #isChecked({ checkedAt }: PooledTenant<Tenant>): boolean {
    const { check, clock } = this.#options
    return check !== 'every-request' && clock.now() - checkedAt < check.maxAgeMs
  }

  /** Apart, since `acquire` would keep room for what a closure of its own captures, whether it is traced or not. */
  #traceCheck(
    check: { id: string; key: TokenKey; stamp: Stamp | undefined },
    keys: readonly TokenKey[],
  ): Promise<Reading | undefined> {
    return traceCheck(check, () => this.#reader.ask(keys))
  }

  #refuseIfClosing(): void {
    if (this.#closing) throw new TenantryError('TENANTRY_ERR_POOL_CLOSED')
  }

  /** While the store does not answer: what nothing has outdated is served, for so long after its last answered check. */
  #leaseUnchecked(id: string): Lease<Tenant> {
    const { clock, maxUncheckedMs } = this.#options
    const pooled = this.#tenants.get(id)
    if (pooled !== undefined && clock.now() - pooled.checkedAt <= maxUncheckedMs) return newLease(pooled)
    throw new TenantryError('TENANTRY_ERR_STORE_UNREACHABLE')
  }

  /** The token that speaks for which hosts exist: just read, or claimed if absent. */
  async #readHostsToken(): Promise<Token> {
    this.#refuseIfClosing()
    const reading = this.#reader.ask([ALL_HOSTS])
    await reading?.settled
    this.#refuseIfClosing()
    const token = reading?.answer(ALL_HOSTS)
    if (token === undefined) throw new TenantryError('TENANTRY_ERR_STORE_UNREACHABLE')
    return token ?? (await this.#reader.claim(ALL_HOSTS)).token
  }

  #newUnknown(): Unknown {
    const { maxTenants, unknownForMs, clock } = this.#options
    return new Unknown({ max: maxTenants, forMs: unknownForMs, clock })
  }

  #onAnswer(reading: Reading): void {
    const keys = reading.keys()
    for (const key of keys) {
      this.#tenants.see(key, reading)
      this.#builds.see(key, reading)
    }
    this.#onAll(reading)
    if (!reading.failed && !this.#failing.any) return
    for (const key of keys) this.#failing.operation('read', [key], reading.failure(key))
  }

  /** A new answer about all tenants outdates also those that were not asked about. */
  #onAll(reading: Reading): void {
    const all = reading.answer(ALL)
    if (all === undefined) return
    // Absent equals nothing: since it was found absent before, it may have been claimed.
    const isNew = all === null || all !== this.#latestAll.answer
    this.#builds.seeAll(reading)
    const isBorne = isNew ? this.#tenants.seeAll(reading) : true
    // One that was asked for earlier, and has come later, still outdates what was stamped before it was asked for.
    if (reading.order < this.#latestAll.order) return
    this.#latestAll = { answer: isBorne ? all : null, order: reading.order }
  }

  #onBuilt(pooled: PooledTenant<Tenant>, build: Build<Tenant>): void {
    // Otherwise the build has found it in the pool, or the pool was closed meanwhile.
    if (pooled.stamp !== build.stamp || pooled.left !== undefined) return
    const durationMs = this.#options.clock.now() - build.askedAt
    this.#tell('built', { id: pooled.id, token: pooled.stamp.tenant.token, durationMs })
    if (build.outdated) {
      this.#tenants.outdate(pooled)
      return
    }
    this.#tenants.enter(pooled)
    if (pooled.stamp.all.token !== this.#latestAll.answer)
      this.#latestAll = { ...this.#latestAll, answer: null }
  }

  /** Tells failures of `load` and `create`; those of the store are told by what failed. */
  #onBuildFailed({ id, failure }: Build<Tenant>, error: unknown): void {
    if (hasCode(error, 'TENANTRY_ERR_TENANT_NOT_FOUND')) this.#tell('notFound', { id })
    // Without a failure of its own it was only refused, for one that has been told.
    if (failure !== undefined) {
      const { tokens, error, retryAfterMs } = failure
      this.#tell('buildFailed', { id, token: tokens.tenant, all: tokens.all, error, retryAfterMs })
    }
  }

  readonly #tell: Tell = (name, ...told) => guarded(() => this.emit(name, ...(told as never)))
}

/**
 * A tenant once found to differ is never given to a later request; one that was merely evicted may be, unless its
 * drain deadline has come while it was checked.
 */
function mayBeServed(pooled: PooledTenant<unknown>): boolean {
  return pooled.left?.code !== 'TENANTRY_ERR_TENANT_RESTARTED' && !pooled.drained
}
