import { quote, TenantryError } from './errors.ts'
import { ALL, ALL_HOSTS, newToken, type Token, type TokenKey, tenantKey } from './token.ts'
import type { TokenStore } from './token-store.ts'

export interface TenantLifecycleOptions {
  /**
   * Makes the token of one write. It must never make the same one twice: a replica that slept through the token in
   * between would find nothing changed.
   *
   * @default 128 random bits
   */
  newToken?: () => Token
}

/**
 * The tenant manager's side: restarts tenants on every replica, without knowing where any replica runs.
 *
 * First commit the new configuration to where `load` reads it, then call this. The other way round, a replica may
 * take the restart up before the commit, load the old configuration, and keep it.
 *
 * ```ts
 * await authority.updateTenant('acme', change)
 * await lifecycle.restart('acme')
 * ```
 *
 * Once a restart has resolved, every request that arrives later is served by a tenant whose configuration was read
 * after it.
 *
 * A restart that rejects may have been written or not, and nothing here remembers that it was asked for: the
 * caller must repeat it. Repeating is safe, as every write goes out with a token of its own.
 */
export class TenantLifecycle {
  readonly #tokens: TokenStore
  readonly #newToken: () => Token

  /** @param tokens the store that the replicas read. It stays yours to close. */
  constructor(tokens: TokenStore, options: TenantLifecycleOptions = {}) {
    this.#tokens = tokens
    this.#newToken = options.newToken ?? newToken
  }

  /**
   * Restarts one tenant.
   *
   * @returns the token that was written
   * @throws TENANTRY_ERR_TENANT_ID_INVALID, before anything is written
   * @throws TENANTRY_ERR_RESTART_FAILED when the store did not confirm the write; `cause` says why
   */
  async restart(id: string): Promise<Token> {
    const key = tenantKey(id)
    return await this.#write(key).catch((cause) => {
      throw restartFailed(`The restart of tenant ${quote(id)} may not have been written: repeat it`, cause)
    })
  }

  /**
   * Restarts several tenants, all at once and in no order; an id that is named twice is restarted once.
   *
   * @returns each id's token
   * @throws TENANTRY_ERR_TENANT_ID_INVALID when any id is invalid, before anything is written
   * @throws TENANTRY_ERR_RESTART_FAILED when the store did not confirm every write; `cause` is a
   *   {@link FailedRestarts} and names the ids to repeat
   */
  async restartMany(ids: Iterable<string>): Promise<Map<string, Token>> {
    const keys = tenantKeys(ids)
    // Not one after the other, nor a few at a time: stores send what is asked for at once in one go, and a silent
    // store costs the time limit of one write, however many there are.
    const results = await Promise.allSettled(Array.from(keys.values(), (key) => this.#write(key)))
    const written = new Map<string, Token>()
    const failed = new Map<string, unknown>()
    for (const [index, id] of [...keys.keys()].entries()) {
      const result = results[index] as PromiseSettledResult<Token>
      if (result.status === 'fulfilled') written.set(id, result.value)
      else failed.set(id, result.reason)
    }
    if (failed.size === 0) return written
    throw restartFailed(
      `${failed.size} of ${keys.size} restarts may not have been written: repeat them`,
      new FailedRestarts(failed),
    )
  }

  /**
   * Restarts every tenant, by one write.
   *
   * @returns the token that was written
   * @throws TENANTRY_ERR_RESTART_FAILED when the store did not confirm the write; `cause` says why
   */
  async restartAll(): Promise<Token> {
    return await this.#write(ALL).catch((cause) => {
      throw restartFailed('The restart of all tenants may not have been written: repeat it', cause)
    })
  }

  /**
   * Tells the replicas that tenants or host names were created, moved or deleted; first commit that, as for a
   * restart.
   *
   * Restarts the tenants concerned, one after the other, and then outdates what replicas remember of unknown hosts.
   * The order counts: first a host's new owner learns of it, then its old owner lets go of it, and only then is it
   * looked up anew. Requests that arrive later find the new owner; one that is under way meanwhile may find none.
   *
   * @param ids the tenants concerned: the new owner of a host, then its old owner
   * @returns the token of `all-hosts`
   * @throws TENANTRY_ERR_TENANT_ID_INVALID when any id is invalid, before anything is written
   * @throws TENANTRY_ERR_RESTART_FAILED when the store did not confirm a write. Nothing was written after that one:
   *   repeat the call with all its ids.
   */
  async hostsChanged(ids: Iterable<string>): Promise<Token> {
    const keys = tenantKeys(ids)
    try {
      for (const key of keys.values()) await this.#write(key)
      return await this.#write(ALL_HOSTS)
    } catch (cause) {
      throw restartFailed(
        'The change of hosts may not have been written, or only in part: repeat all of it',
        cause,
      )
    }
  }

  async #write(key: TokenKey): Promise<Token> {
    const token = this.#newToken()
    await this.#tokens.write(key, token)
    return token
  }
}

/** The `cause` of a {@link TenantLifecycle.restartMany} that failed: `errors`, and whom they befell. */
export class FailedRestarts extends AggregateError {
  /** The tenants whose restart must be repeated, in the order of `errors`. */
  readonly ids: readonly string[]

  constructor(failed: ReadonlyMap<string, unknown>) {
    super(failed.values(), 'The token store did not confirm these restarts')
    this.name = 'FailedRestarts'
    this.ids = [...failed.keys()]
  }
}

/** Each id's key, in the order in which the ids are first named. */
function tenantKeys(ids: Iterable<string>): Map<string, TokenKey> {
  // A string is an iterable of strings, too: of its characters, and each of them could be a tenant.
  if (typeof ids === 'string') {
    throw new TenantryError('TENANTRY_ERR_TENANT_ID_INVALID', {
      message: `Expected a list of tenant ids, got ${quote(ids)}`,
    })
  }
  return new Map(Array.from(ids, (id) => [id, tenantKey(id)]))
}

function restartFailed(message: string, cause: unknown): TenantryError {
  return new TenantryError('TENANTRY_ERR_RESTART_FAILED', { message, cause })
}
