import { canonicalHostname, type TokenKey } from '@tenantry/core'
import { checkAsked, checkChange, checkId, checkTenant, invalidId } from './check-tenant.ts'
import type { Database, Sql } from './database.ts'
import { dropHostname, findOwner, giveHostname, hostnameTaken, lockHosts, setHostnames } from './hostnames.ts'
import { invalid } from './invalid.ts'
import { migrate } from './migrate.ts'
import { RestartLedger } from './restart-ledger.ts'
import {
  type CurrentRestartsPage,
  type CurrentRestartsQuery,
  commitRestarts,
  EVERY_TENANT,
  findCurrentRestart,
  HOSTS,
  listCurrentRestarts,
  listRestarts,
  markWritten,
  type RestartsPage,
  type RestartsQuery,
  type Target,
  tenantTarget,
} from './restarts.ts'
import { show } from './show.ts'
import {
  deleteTenant,
  findTenant,
  insertTenant,
  listTenants,
  lockTenants,
  notFound,
  requireVersion,
  type TenantsPage,
  type TenantsQuery,
  updateTenant,
} from './tenants.ts'
import type {
  Asked,
  Cause,
  Committed,
  CommittedRestart,
  NewTenant,
  Restart,
  Tenant,
  TenantChange,
} from './types.ts'
import { untilAborted } from './until-aborted.ts'

export interface ReadOptions {
  /** Ends the wait for the answer; the read rejects with its reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The site configuration authority: tenants, their host names, and the restarts that changes ask for.
 *
 * Every change is one transaction with its restarts, and resolves once both are committed. Then the restarts are to be
 * written to the token store, by {@link RestartWriter}; where that does not come about, {@link Reconciler} does it.
 *
 * Locks are taken in one order by all: the set of hosts, tenants by their ids, and then token keys. So no two
 * transactions wait for each other.
 *
 * All methods reject with TENANTRY_ERR_AUTHORITY_UNREACHABLE while the database does not answer, and with
 * TENANTRY_ERR_TENANT_ID_INVALID for what is no tenant id. A change that rejects has not been made, unless the database
 * went away while it was being committed; the message then says so.
 */
export class Authority {
  readonly #database: Database

  /** @param database to be closed by {@link close} */
  constructor(database: Database) {
    this.#database = database
  }

  /**
   * Brings the schema up to date, all of it or nothing. Several processes may do so at once.
   *
   * @throws TENANTRY_ERR_OPTIONS_INVALID when the database is a standby
   */
  migrate(): Promise<void> {
    return migrate(this.#database)
  }

  /**
   * Lists tenants by their ids, without their configurations.
   *
   * @throws TENANTRY_ERR_OPTIONS_INVALID when `limit` is not from 1 to 10,000
   */
  async listTenants(query: TenantsQuery): Promise<TenantsPage> {
    if (query.after !== undefined) checkId(query.after)
    return await listTenants(this.#database, query)
  }

  /** Reads one tenant; undefined: there is none. */
  async findTenant(id: string, { signal }: ReadOptions = {}): Promise<Tenant | undefined> {
    checkId(id)
    return await untilAborted(() => findTenant(this.#database, id), signal)
  }

  /**
   * Reads whose a host name is; undefined: nobody's.
   *
   * @throws TENANTRY_ERR_HOST_INVALID
   */
  async findTenantIdByHostname(hostname: string, { signal }: ReadOptions = {}): Promise<string | undefined> {
    const canonical = canonicalHostname(hostname)
    return await untilAborted(() => findOwner(this.#database, canonical), signal)
  }

  /**
   * Creates a tenant. Restarts it (its id may have been in use before), and the set of hosts.
   *
   * @throws TENANTRY_ERR_TENANT_INVALID, TENANTRY_ERR_TENANT_EXISTS, TENANTRY_ERR_HOSTNAME_TAKEN
   */
  async createTenant(tenant: NewTenant, asked: Asked): Promise<Committed<Tenant>> {
    const target = tenantTarget(tenant.id)
    const checked = checkTenant(tenant)
    return await this.#commit('create', asked, async (sql) => {
      await lockHosts(sql)
      await insertTenant(sql, tenant.id, checked)
      await setHostnames(sql, tenant.id, checked.hostnames)
      return { result: await readBack(sql, tenant.id), targets: [target, HOSTS] }
    })
  }

  /**
   * Changes what `change` names, and restarts the tenant; also the set of hosts if that becomes another. Values that
   * are the same as before are a change, too.
   *
   * @param change `version`: the one that the change was made from
   * @throws TENANTRY_ERR_TENANT_NOT_FOUND, TENANTRY_ERR_TENANT_INVALID, TENANTRY_ERR_HOSTNAME_TAKEN
   * @throws TENANTRY_ERR_VERSION_CONFLICT when somebody else has changed the tenant since that version
   */
  async changeTenant(
    id: string,
    change: TenantChange & { readonly version: number },
    asked: Asked,
  ): Promise<Committed<Tenant>> {
    const target = tenantTarget(id)
    const checked = checkChange(change)
    return await this.#commit(causeOf(change), asked, async (sql) => {
      if (checked.hostnames !== undefined) await lockHosts(sql)
      requireVersion(id, change.version, await this.#lock(sql, id))
      const hostsChange = checked.hostnames !== undefined && (await setHostnames(sql, id, checked.hostnames))
      await updateTenant(sql, id, checked)
      return { result: await readBack(sql, id), targets: hostsChange ? [target, HOSTS] : [target] }
    })
  }

  /**
   * Deletes a tenant with its host names, and restarts it, so that no replica goes on with it; and the set of hosts.
   * Its restarts stay in the history.
   *
   * @throws TENANTRY_ERR_TENANT_NOT_FOUND
   */
  async deleteTenant(id: string, asked: Asked): Promise<Committed<undefined>> {
    const target = tenantTarget(id)
    return await this.#commit('delete', asked, async (sql) => {
      await lockHosts(sql)
      await this.#lock(sql, id)
      await deleteTenant(sql, id)
      return { result: undefined, targets: [target, HOSTS] }
    })
  }

  /**
   * Gives a tenant one more host name, or the same once more. Restarts it and the set of hosts.
   *
   * @param asked `from`: the tenant that has the host name, and gives it up. It is restarted after its new owner.
   * @throws TENANTRY_ERR_HOST_INVALID, TENANTRY_ERR_TENANT_NOT_FOUND, TENANTRY_ERR_TENANT_INVALID
   * @throws TENANTRY_ERR_HOSTNAME_TAKEN when it belongs to a tenant other than `from`
   */
  async addHostname(
    id: string,
    hostname: string,
    asked: Asked & { readonly from?: string | undefined },
  ): Promise<Committed<Tenant>> {
    const canonical = canonicalHostname(hostname)
    const targets = [tenantTarget(id)]
    const { from } = asked
    if (from !== undefined) checkId(from)
    return await this.#commit('hostnames', asked, async (sql) => {
      await lockHosts(sql)
      const owner = await findOwner(sql, canonical)
      if (owner !== undefined && owner !== id && owner !== from) throw hostnameTaken(canonical, owner)
      await this.#lock(sql, id, owner)
      await giveHostname(sql, id, canonical)
      await updateTenant(sql, id)
      if (owner !== undefined && owner !== id) {
        await updateTenant(sql, owner)
        targets.push(tenantTarget(owner))
      }
      return { result: await readBack(sql, id), targets: [...targets, HOSTS] }
    })
  }

  /**
   * Takes a host name from a tenant. Restarts it and the set of hosts.
   *
   * @throws TENANTRY_ERR_HOST_INVALID, TENANTRY_ERR_TENANT_NOT_FOUND
   * @throws TENANTRY_ERR_TENANT_INVALID when the tenant does not have the host name
   */
  async removeHostname(id: string, hostname: string, asked: Asked): Promise<Committed<Tenant>> {
    const canonical = canonicalHostname(hostname)
    const target = tenantTarget(id)
    return await this.#commit('hostnames', asked, async (sql) => {
      await lockHosts(sql)
      await this.#lock(sql, id)
      if ((await findOwner(sql, canonical)) !== id) {
        throw invalid('hostname', `one of the host names of tenant ${show(id)}`, show(canonical))
      }
      await dropHostname(sql, canonical)
      await updateTenant(sql, id)
      return { result: await readBack(sql, id), targets: [target, HOSTS] }
    })
  }

  /**
   * Restarts tenants, each once.
   *
   * @throws TENANTRY_ERR_TENANT_NOT_FOUND when any of them does not exist; then none is restarted
   */
  async restart(ids: readonly string[], asked: Asked): Promise<Committed<undefined>> {
    // A string is a list, too: of its characters, and each of them could be a tenant.
    if (typeof ids === 'string') throw invalidId('a list of tenant ids', ids)
    const distinct = [...new Set(ids)]
    const targets = distinct.map(tenantTarget)
    return await this.#commit('restart', asked, async (sql) => {
      const versions = await lockTenants(sql, distinct)
      const missing = distinct.find((id) => !versions.has(id))
      if (missing !== undefined) throw notFound(missing)
      return { result: undefined, targets }
    })
  }

  /** Restarts every tenant, by one token. */
  async restartAll(asked: Asked): Promise<Committed<undefined>> {
    return await this.#commit('restart', asked, async () => ({ result: undefined, targets: [EVERY_TENANT] }))
  }

  /**
   * Lists the history, the newest first.
   *
   * @throws TENANTRY_ERR_OPTIONS_INVALID when `limit` is not from 1 to 10,000, or `before` no id of a restart
   */
  listRestarts(query: RestartsQuery): Promise<RestartsPage> {
    return listRestarts(this.#database, query)
  }

  /** The last restart of what a token key speaks for; undefined: there was none. */
  findCurrentRestart(key: TokenKey): Promise<Restart | undefined> {
    return findCurrentRestart(this.#database, key)
  }

  /**
   * Lists the last restart of every token key, also those of tenants that are deleted.
   *
   * @throws TENANTRY_ERR_OPTIONS_INVALID when `limit` is not from 1 to 10,000
   */
  listCurrentRestarts(query: CurrentRestartsQuery): Promise<CurrentRestartsPage> {
    return listCurrentRestarts(this.#database, query)
  }

  /**
   * Notes that restarts, and with them all earlier ones of their keys, have reached the token store.
   *
   * @returns the later restarts of these keys that have been committed meanwhile. What was written for them may have
   *   been replaced just now: see that they are written, or written again.
   */
  markWritten(restarts: readonly CommittedRestart[]): Promise<readonly CommittedRestart[]> {
    return markWritten(this.#database, restarts)
  }

  /**
   * Runs `run` unless somebody else is running one, anywhere: in a transaction that ends with it, or with the process.
   *
   * @returns false when somebody else is
   */
  async reconcile(run: (ledger: RestartLedger) => Promise<void>): Promise<boolean> {
    return await this.#database.transaction(async (sql) => {
      if (!(await RestartLedger.isFree(sql))) return false
      await run(new RestartLedger(sql))
      return true
    })
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  async #commit<Result>(
    cause: Cause,
    asked: Asked,
    change: (sql: Sql) => Promise<{ result: Result; targets: readonly Target[] }>,
  ): Promise<Committed<Result>> {
    checkAsked(asked)
    return await this.#database.transaction(async (sql) => {
      const { result, targets } = await change(sql)
      return { result, restarts: await commitRestarts(sql, targets, { ...asked, cause }) }
    })
  }

  /** Locks a tenant, and another one with it. Returns its version. */
  async #lock(sql: Sql, id: string, other: string = id): Promise<number> {
    const version = (await lockTenants(sql, [id, other])).get(id)
    if (version === undefined) throw notFound(id)
    return version
  }
}

function causeOf({ name, config }: TenantChange): Cause {
  return name === undefined && config === undefined ? 'hostnames' : 'change'
}

/** A tenant that this transaction has locked or made. */
async function readBack(sql: Sql, id: string): Promise<Tenant> {
  return (await findTenant(sql, id)) as Tenant
}
