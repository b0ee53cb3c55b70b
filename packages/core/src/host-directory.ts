import { LRUCache } from 'lru-cache'
import { hasCode, quote, TenantryError } from './errors.ts'
import { canonicalHostname } from './host.ts'
import type { Lease } from './lease.ts'
import type { Lookups } from './lookups.ts'
import { type Token, tenantKey } from './token.ts'
import type { Unknown } from './unknown.ts'

export interface HostDirectoryOptions<Tenant> {
  /**
   * Asks the authority whose host name this is, where it sees every commit. `hostname` is canonical. Undefined:
   * nobody's.
   */
  lookup: (
    hostname: string,
    context: { signal: AbortSignal },
  ) => string | undefined | Promise<string | undefined>

  /** The host names of a tenant, in any form (`Bücher.example`, `xn--bcher-kva.example`). Read once per generation. */
  hostnamesOf: (tenant: Tenant) => Iterable<string>
}

/** What a directory works with. */
interface HostDirectoryParts<Tenant> {
  readonly acquire: (id: string) => Promise<Lease<Tenant>>
  /** Reads the token of `all-hosts`; claims it if absent. */
  readonly readHostsToken: () => Promise<Token>
  readonly lookups: Lookups
  readonly unknown: Unknown
  /** Told when the host names of a tenant cannot be had. */
  readonly onHostnamesFailed: (id: string, error: unknown) => void
  readonly maxHosts: number
}

/** Maps host names to tenant ids. Made by {@link hostDirectory}, put to use by `pool.byHost(directory)`. */
export interface HostDirectory<Tenant = unknown> {
  connect(parts: HostDirectoryParts<Tenant>): (hostname: string) => Promise<Lease<Tenant>>
}

/**
 * A directory for tenants whose host names are not their ids: custom domains.
 *
 * What it remembers of a host is a hint only: the tenant that it points to, once checked, knows its own host names.
 * If the tenant does not name the host, the authority is asked (once more), and then the answer is 404.
 *
 * @throws TENANTRY_ERR_OPTIONS_INVALID
 */
export function hostDirectory<Tenant>(options: HostDirectoryOptions<Tenant>): HostDirectory<Tenant> {
  for (const name of ['lookup', 'hostnamesOf'] as const) {
    if (typeof options?.[name] !== 'function') {
      throw new TenantryError('TENANTRY_ERR_OPTIONS_INVALID', {
        message: `Expected \`${name}\` to be a function, got ${quote(options?.[name])}`,
      })
    }
  }
  return {
    connect: (parts) => {
      const bound = new BoundDirectory(options, parts)
      return (hostname) => bound.acquire(hostname)
    },
  }
}

/** Whose host name it was, and the token of `all-hosts` under which it was. */
interface Hint {
  readonly id: string
  readonly token: Token
}

class BoundDirectory<Tenant> {
  readonly #options: HostDirectoryOptions<Tenant>
  readonly #parts: HostDirectoryParts<Tenant>
  readonly #hints: LRUCache<string, Hint>
  /** Lookups under way, each with the token of `all-hosts` that was read before it began. */
  readonly #underWay = new Map<string, { token: Token; id: Promise<string | undefined> }>()
  /** By generation, of which each has a `builtAt` of its own: two may be one object that has been changed. */
  readonly #hostnames = new WeakMap<Date, ReadonlySet<string> | TenantryError>()

  constructor(options: HostDirectoryOptions<Tenant>, parts: HostDirectoryParts<Tenant>) {
    this.#options = options
    this.#parts = parts
    this.#hints = new LRUCache({ max: parts.maxHosts })
  }

  async acquire(hostname: string): Promise<Lease<Tenant>> {
    const hint = this.#hints.get(hostname)
    const hinted = hint && (await this.#tryHint(hostname, hint))
    // Without a hint the authority may be asked twice: its first answer may be older than the tenant it points to.
    const lease =
      hinted ?? (await this.#tryLookup(hostname)) ?? (hint ? undefined : await this.#tryLookup(hostname))
    if (lease === undefined) throw new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')
    return lease
  }

  /** Undefined: the hint leads nowhere. */
  async #tryHint(hostname: string, hint: Hint): Promise<Lease<Tenant> | undefined> {
    try {
      const lease = await this.#tryId(hostname, hint.id)
      if (lease !== undefined) return lease
    } catch (error) {
      // A tenant that cannot be built, or whose host names cannot be had, cannot say that it has lost the host. If
      // hosts have moved since, it may have.
      if (!hasCode(error, 'TENANTRY_ERR_BUILD_FAILED') && !hasCode(error, 'TENANTRY_ERR_LOOKUP_FAILED'))
        throw error
      const token = await this.#parts.readHostsToken()
      if (token === hint.token) throw error
      const id = await this.#lookUp(hostname, token)
      if (id === hint.id) {
        this.#hints.set(hostname, { id, token })
        throw error
      }
    }
    this.#hints.delete(hostname)
    return undefined
  }

  /** Undefined: the tenant to which the authority points does not name the host, or is gone. */
  async #tryLookup(hostname: string): Promise<Lease<Tenant> | undefined> {
    const { readHostsToken, unknown } = this.#parts
    const token = await readHostsToken()
    if (unknown.knows(hostname, [token])) throw new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')
    const id = await this.#lookUp(hostname, token)
    if (id === undefined) {
      unknown.remember(hostname, [token])
      throw new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')
    }
    const lease = await this.#tryId(hostname, id)
    if (lease !== undefined) this.#hints.set(hostname, { id, token })
    return lease
  }

  /** Undefined: there is no such tenant, or it does not name the host. */
  async #tryId(hostname: string, id: string): Promise<Lease<Tenant> | undefined> {
    let lease: Lease<Tenant>
    try {
      lease = await this.#parts.acquire(id)
    } catch (error) {
      if (hasCode(error, 'TENANTRY_ERR_TENANT_NOT_FOUND')) return undefined
      throw error
    }
    const hostnames = this.#hostnamesOf(lease)
    const failed = hostnames instanceof TenantryError
    if (!failed && hostnames.has(hostname)) return lease
    lease.release()
    if (failed) throw hostnames
    return undefined
  }

  /** Joins a lookup that began under the same token of `all-hosts`: an older one might not know the host yet. */
  #lookUp(hostname: string, token: Token): Promise<string | undefined> {
    const underWay = this.#underWay.get(hostname)
    if (underWay?.token === token) return underWay.id
    const id = this.#parts.lookups.run(hostname, async (context) => {
      const found = await this.#options.lookup(hostname, context)
      if (found !== undefined) tenantKey(found)
      return found
    })
    const entry = { token, id }
    this.#underWay.set(hostname, entry)
    const forget = () => {
      if (this.#underWay.get(hostname) === entry) this.#underWay.delete(hostname)
    }
    id.then(forget, forget)
    return id
  }

  /** An error: they cannot be had. That too is found, and told, once for each generation, not for each request. */
  #hostnamesOf({ id, tenant, builtAt }: Lease<Tenant>): ReadonlySet<string> | TenantryError {
    const known = this.#hostnames.get(builtAt)
    if (known !== undefined) return known
    let hostnames: ReadonlySet<string> | TenantryError
    try {
      hostnames = new Set(Array.from(listed(this.#options.hostnamesOf(tenant)), canonicalHostname))
    } catch (cause) {
      this.#parts.onHostnamesFailed(id, cause)
      hostnames = new TenantryError('TENANTRY_ERR_LOOKUP_FAILED', { cause })
    }
    this.#hostnames.set(builtAt, hostnames)
    return hostnames
  }
}

/** A string is an iterable of strings, too: of its characters, and none of them is the host. */
function listed(hostnames: Iterable<string>): Iterable<string> {
  if (typeof hostnames !== 'string') return hostnames
  throw new TypeError(`Expected \`hostnamesOf\` to return a list of host names, got ${quote(hostnames)}`)
}
