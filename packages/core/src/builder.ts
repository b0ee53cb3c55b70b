import type { BackOff } from './back-off.ts'
import type { Build } from './build.ts'
import { hasCode, quote, TenantryError } from './errors.ts'
import type { PooledTenant } from './lease.ts'
import type { PoolOptions } from './pool-options.ts'
import type { PooledTenants } from './pooled-tenants.ts'
import type { Slot, Slots } from './slots.ts'
import { type Stamp, type Stamped, type Tokens, tokensIn } from './stamp.ts'
import { ALL, ALL_HOSTS, type Token, type TokenKey } from './token.ts'
import type { TokenReader } from './token-reader.ts'
import { buildChannel, traceBuild } from './tracing.ts'
import type { Unknown } from './unknown.ts'
import { untilAborted } from './until-aborted.ts'

export interface BuilderOptions<Config, Tenant> {
  readonly pool: PoolOptions<Config, Tenant>
  readonly reader: TokenReader
  readonly backOff: BackOff
  readonly unknown: Unknown
  /** Where builds run. */
  readonly buildSlots: Slots
  /** Where loads run that only ask whether a tenant exists. */
  readonly lookupSlots: Slots
  readonly tenants: PooledTenants<Tenant>
}

/** What a build's first read found. */
interface Found {
  readonly tokens: Tokens
  readonly tenant: Stamped | null
  readonly all: Stamped | null
  /** Undefined: not to be had just now; then nothing is remembered as unknown. */
  readonly allHosts: Token | undefined
}

/** The steps of one build, in the order that lets no restart slip through. */
export class Builder<Config, Tenant> {
  readonly #options: BuilderOptions<Config, Tenant>

  constructor(options: BuilderOptions<Config, Tenant>) {
    this.#options = options
  }

  /**
   * Reads the tokens, then loads the configuration, then stamps (R1).
   *
   * @returns a new tenant with the build's own stamp, or the pooled one if it bears just the tokens read; it is held
   */
  build(build: Build<Tenant>, slot: Slot): Promise<PooledTenant<Tenant>> {
    if (!buildChannel.hasSubscribers) return this.#build(build, slot)
    const waitedMs = this.#options.pool.clock.now() - build.askedAt
    return traceBuild(build, waitedMs, () => this.#build(build, slot))
  }

  async #build(build: Build<Tenant>, slot: Slot): Promise<PooledTenant<Tenant>> {
    const { key, id } = build
    const found = await this.#read(key)
    noteTokens(build, found.tokens)
    const pooled = this.#options.tenants.find(id, found.tokens)
    if (pooled !== undefined) return pooled.hold()
    this.refuse(key, found.tokens, found.allHosts)

    const stamp = await this.#stamp(build, slot, found)
    build.setStamp(stamp)
    await this.#moveTo(this.#options.buildSlots, build, slot)
    const stamped = { tenant: stamp.tenant.token, all: stamp.all.token }
    noteTokens(build, stamped)
    const made = await this.#inTime(build, stamped, () => this.#make(build))
    if (made === undefined) throw this.#notFound(key, stamped, found.allHosts)
    this.#options.backOff.succeeded(key)
    return this.#options.tenants.create({ key, id, tenant: made.tenant, stamp }).hold()
  }

  /**
   * Fails at once where just these tokens have been tried in vain a moment ago. `allHosts` is undefined where it was
   * not read.
   */
  refuse(key: TokenKey, tokens: Tokens, allHosts: Token | null | undefined): void {
    const { unknown, backOff } = this.#options
    if (unknown.knows(key, [tokens.tenant, tokens.all, allHosts])) {
      throw new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')
    }
    const retryAfterMs = backOff.remainingMs(key, tokens)
    if (retryAfterMs > 0) throw new TenantryError('TENANTRY_ERR_BUILD_FAILED', { retryAfterMs })
  }

  async #read(key: TokenKey): Promise<Found> {
    const { reader } = this.#options
    const reading = reader.ask([key, ALL, ALL_HOSTS])
    await reading?.settled
    const tokens = reading && tokensIn(reading, key)
    if (tokens === undefined) throw new TenantryError('TENANTRY_ERR_STORE_UNREACHABLE')
    const { order, at } = reading as { order: number; at: number }
    const stamped = (token: Token | null) => (token === null ? null : { token, order, at })
    let allHosts = reading?.answer(ALL_HOSTS)
    if (allHosts === null) {
      // The only write that a stranger can cause. Where it is refused, known tenants are served all the same.
      allHosts = await reader.claim(ALL_HOSTS).then(
        (claimed) => claimed.token,
        () => undefined,
      )
    }
    return { tokens, tenant: stamped(tokens.tenant), all: stamped(tokens.all), allHosts }
  }

  /**
   * The tokens to build under. Where one is absent: only if the tenant exists is it claimed, and a load that came
   * before the claim serves nobody. Nobody joins before the tokens are known.
   */
  async #stamp(build: Build<Tenant>, slot: Slot, found: Found): Promise<Stamp> {
    const { lookupSlots, reader } = this.#options
    const { tokens, tenant, all, allHosts } = found
    if (tenant !== null && all !== null) return { tenant, all }
    await this.#moveTo(lookupSlots, build, slot)
    const config = await this.#inTime(build, tokens, () => this.#load(build))
    if (config === undefined) throw this.#notFound(build.key, tokens, allHosts)
    return { all: all ?? (await reader.claim(ALL)), tenant: tenant ?? (await reader.claim(build.key)) }
  }

  /** Goes on in a slot of another kind; those who trace the build are told how long it waits for that, too. */
  async #moveTo(slots: Slots, { trace }: Build<Tenant>, slot: Slot): Promise<void> {
    const { clock } = this.#options.pool
    const askedAt = clock.now()
    await slot.moveTo(slots)
    if (trace !== undefined) trace.waitedMs += clock.now() - askedAt
  }

  /** Runs `load` and `create` within the build's time limit. A failure backs off. */
  async #inTime<T>(build: Build<Tenant>, tokens: Tokens, work: () => Promise<T>): Promise<T> {
    const { clock, buildTimeoutMs } = this.#options.pool
    const beganAt = clock.now()
    const timer = clock.setTimeout(() => {
      build.abort(new TenantryError('TENANTRY_ERR_BUILD_TIMEOUT'))
    }, buildTimeoutMs - build.spentMs)
    try {
      // Since the pool may have been closed while the build waited for a slot.
      build.signal.throwIfAborted()
      return await untilAborted(build.signal, work())
    } catch (cause) {
      if (cause === build.signal.reason && hasCode(cause, 'TENANTRY_ERR_POOL_CLOSED')) throw cause
      const retryAfterMs = this.#options.backOff.failed(build.key, tokens)
      build.failure = { tokens, error: cause, retryAfterMs }
      throw new TenantryError('TENANTRY_ERR_BUILD_FAILED', { cause, retryAfterMs })
    } finally {
      clock.clearTimeout(timer)
      build.spentMs += clock.now() - beganAt
    }
  }

  async #load(build: Build<Tenant>): Promise<Config | undefined> {
    const { id, signal } = build
    const config = await this.#timed(build, 'loadMs', () => this.#options.pool.load(id, { signal }))
    if (config === null)
      throw new TypeError('Expected `load` to return a configuration or undefined, got null')
    return config
  }

  /** Undefined: there is no such tenant. */
  async #make(build: Build<Tenant>): Promise<{ tenant: Tenant } | undefined> {
    const { id, signal } = build
    const config = await this.#load(build)
    if (config === undefined) return undefined
    signal.throwIfAborted()
    const { create } = this.#options.pool
    const tenant = await this.#timed(build, 'createMs', () => create(config, { id, signal }))
    if (tenant === undefined || tenant === null) {
      throw new TypeError(`Expected \`create\` to return a tenant, got ${quote(tenant)}`)
    }
    if (signal.aborted) {
      // Too late: nobody waits for it, and nobody else would dispose of it.
      void this.#options.tenants.dispose(tenant, id)
      throw signal.reason
    }
    return { tenant }
  }

  /** Runs `load` or `create`; those who trace the build are told how long that took, also where it failed. */
  async #timed<T>(
    { trace }: Build<Tenant>,
    step: 'loadMs' | 'createMs',
    run: () => T | Promise<T>,
  ): Promise<T> {
    if (trace === undefined) return run()
    const { clock } = this.#options.pool
    const beganAt = clock.now()
    try {
      return await run()
    } finally {
      trace[step] = (trace[step] ?? 0) + clock.now() - beganAt
    }
  }

  #notFound(key: TokenKey, tokens: Tokens, allHosts: Token | undefined): TenantryError {
    if (allHosts !== undefined) this.#options.unknown.remember(key, [tokens.tenant, tokens.all, allHosts])
    return new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')
  }
}

/** Tells those who trace the build what it is built under, as far as it is known. */
function noteTokens({ trace }: Build<unknown>, { tenant, all }: Tokens): void {
  if (trace === undefined) return
  trace.token = tenant
  trace.all = all
}
