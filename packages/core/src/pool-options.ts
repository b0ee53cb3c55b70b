import { type Clock, systemClock } from './clock.ts'
import { quote, TenantryError } from './errors.ts'
import { newToken, type Token } from './token.ts'
import type { TokenStore } from './token-store.ts'

export interface TenantPoolOptions<Config, Tenant = Config> {
  /** Where tokens are kept. A function: the pool opens the store and closes it; a store: it stays yours to close. */
  tokens: TokenStore | (() => TokenStore)

  /**
   * Reads a tenant's configuration where it sees every commit: from the primary, not from a lagging read replica.
   * Undefined: there is no such tenant. The signal fires when the build's time is up or the pool closes.
   */
  load: (id: string, context: { signal: AbortSignal }) => Config | undefined | Promise<Config | undefined>

  /**
   * Makes the tenant of its configuration: connections, templates and the like. Two generations of one tenant exist
   * side by side while the old one drains.
   * @default the configuration is the tenant
   */
  create?: (config: Config, context: { id: string; signal: AbortSignal }) => Tenant | Promise<Tenant>

  /** Ends what `create` made, once: after its last lease or at the drain deadline. */
  dispose?: (tenant: Tenant, context: { id: string }) => void | Promise<void>

  /** How many tenants are kept; beyond that the least recently used leaves. Also how many builds may wait. @default 1000 */
  maxTenants?: number

  /** How many builds run at a time; and as many lookups of what may not exist. @default 8 */
  maxConcurrentBuilds?: number

  /** How long `load` and `create` together may take, in milliseconds. @default 10_000 */
  buildTimeoutMs?: number

  /**
   * When a tenant in memory is checked. `'every-request'`: a request is never served by what a restart that resolved
   * before has replaced. `{ maxAgeMs }`: a tenant whose last answered check was asked for less than `maxAgeMs`
   * milliseconds ago is not checked again, so that for so long after a restart it may be served as it was; requests in
   * between cost the store nothing. At most `maxUncheckedMs`.
   * @default 'every-request'
   */
  check?: 'every-request' | { readonly maxAgeMs: number }

  /** How long anybody waits for one operation of the token store, in milliseconds. @default 250 */
  checkTimeoutMs?: number

  /**
   * For how long after its last answered check a tenant is served while the store does not answer, in milliseconds.
   * @default 300_000
   */
  maxUncheckedMs?: number

  /**
   * How often tenants that no request checks are checked, in milliseconds; at most half of `maxUncheckedMs`.
   * @default 10_000, or half of `maxUncheckedMs` if that is less
   */
  sweepMs?: number

  /** How long a tenant that has left the pool waits for its leases, in milliseconds. @default 30_000 */
  drainTimeoutMs?: number

  /** For how long it is remembered that a tenant or a host does not exist, in milliseconds. @default 5_000 */
  unknownForMs?: number

  /** Time; for tests and simulations. @default Node's own */
  clock?: Clock

  /** Makes tokens; for tests and simulations. Every token must be new. @default 128 random bits */
  newToken?: () => Token
}

/** The options of a pool, complete and checked. */
export type PoolOptions<Config, Tenant> = Readonly<Required<TenantPoolOptions<Config, Tenant>>>

/** Room for so many is set aside at the start. */
const MAX_COUNT = 1_000_000

/** The longest time that Node's timers can wait: beyond it they fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * Completes and checks the options.
 *
 * @throws TENANTRY_ERR_OPTIONS_INVALID, naming the option, what was expected and what was received
 */
export function resolvePoolOptions<Config, Tenant>(
  given: TenantPoolOptions<Config, Tenant>,
): PoolOptions<Config, Tenant> {
  if (typeof given !== 'object' || given === null) throw invalid('the options', 'an object', given)
  const maxUncheckedMs = given.maxUncheckedMs ?? 300_000
  // First of all: the default of `sweepMs` is made of it, and would get the blame.
  mustBeInteger('maxUncheckedMs', maxUncheckedMs, [2, MAX_TIMER_MS])
  const options: PoolOptions<Config, Tenant> = {
    tokens: given.tokens,
    load: given.load,
    create: given.create ?? ((config) => config as unknown as Tenant),
    dispose: given.dispose ?? (() => {}),
    maxTenants: given.maxTenants ?? 1000,
    maxConcurrentBuilds: given.maxConcurrentBuilds ?? 8,
    buildTimeoutMs: given.buildTimeoutMs ?? 10_000,
    check: resolveCheck(given.check ?? 'every-request', maxUncheckedMs),
    checkTimeoutMs: given.checkTimeoutMs ?? 250,
    maxUncheckedMs,
    sweepMs: given.sweepMs ?? Math.max(1, Math.min(10_000, Math.floor(maxUncheckedMs / 2))),
    drainTimeoutMs: given.drainTimeoutMs ?? 30_000,
    unknownForMs: given.unknownForMs ?? 5000,
    clock: given.clock ?? systemClock,
    newToken: given.newToken ?? newToken,
  }
  for (const name of Object.keys(given)) {
    if (!(name in options)) throw invalid('every option', `one of ${Object.keys(options).join(', ')}`, name)
  }
  const { tokens, clock } = options
  if (typeof tokens !== 'function')
    mustBeStore('`tokens`', 'a token store or a function that opens one', tokens)
  if (typeof clock.now !== 'function') throw invalid('`clock`', 'a clock', clock)
  for (const name of ['load', 'create', 'dispose', 'newToken'] as const) {
    if (typeof options[name] !== 'function') throw invalid(`\`${name}\``, 'a function', options[name])
  }
  for (const name of ['maxTenants', 'maxConcurrentBuilds'] as const) {
    mustBeInteger(name, options[name], [1, MAX_COUNT])
  }
  for (const name of ['buildTimeoutMs', 'checkTimeoutMs', 'sweepMs', 'unknownForMs'] as const) {
    mustBeInteger(name, options[name], [1, MAX_TIMER_MS])
  }
  mustBeInteger('drainTimeoutMs', options.drainTimeoutMs, [0, MAX_TIMER_MS])
  if (options.sweepMs > maxUncheckedMs / 2) {
    throw invalid('`sweepMs`', `at most half of \`maxUncheckedMs\` (${maxUncheckedMs})`, options.sweepMs)
  }
  return Object.freeze(options)
}

/** A copy, lest it be changed later. */
function resolveCheck(
  check: PoolOptions<unknown, unknown>['check'],
  maxUncheckedMs: number,
): PoolOptions<unknown, unknown>['check'] {
  if (check === 'every-request') return check
  if (typeof check !== 'object' || check === null || Object.keys(check).join() !== 'maxAgeMs') {
    throw invalid('`check`', "'every-request' or { maxAgeMs }", check)
  }
  // Otherwise it would be served unchecked for longer than while the store is away.
  mustBeInteger('check.maxAgeMs', check.maxAgeMs, [1, maxUncheckedMs])
  return Object.freeze({ maxAgeMs: check.maxAgeMs })
}

/** The store of a pool. @throws TENANTRY_ERR_OPTIONS_INVALID when the function that opens it returned none */
export function openStore(tokens: TokenStore | (() => TokenStore)): TokenStore {
  if (typeof tokens !== 'function') return tokens
  const store = tokens()
  mustBeStore('what `tokens` returned', 'a token store', store)
  return store
}

function mustBeStore(name: string, expected: string, value: TokenStore): void {
  if (typeof value?.read !== 'function') throw invalid(name, expected, value)
}

/** @throws TENANTRY_ERR_OPTIONS_INVALID */
export function mustBeInteger(name: string, value: unknown, [least, most]: readonly [number, number]): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return
  throw invalid(`\`${name}\``, `an integer from ${least} to ${most}`, value)
}

export function invalid(name: string, expected: string, received: unknown): TenantryError {
  return new TenantryError('TENANTRY_ERR_OPTIONS_INVALID', {
    message: `Expected ${name} to be ${expected}, got ${quote(received)}`,
  })
}
