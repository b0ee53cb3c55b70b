import type { Authority, Restart, TenantSummary } from '@tenantry/authority'
import { ALL, type TokenKey, tenantKey } from '@tenantry/core'
import type { BoardTenant } from './api.ts'
import { isLaterId, type Wanted } from './convergence.ts'

/** The most tenants that are followed: the first by their ids. */
const MAX_TENANTS = 5000

/**
 * How many of the newest restarts are looked through for those that are new. They become visible by their commits,
 * which may come in another order than their ids.
 */
const WINDOW = 1000

/** How many are read where nothing is expected to be new. */
const GLANCE = 20

/** Every so many reads the whole window is looked through, in case of a late commit of an earlier id. */
const READS_PER_WINDOW = 10

/** Every so many reads everything is read: somebody may have changed the tables by hand. */
const READS_PER_FULL = 120

/** Up to so many tenants are read one by one; for more, all are. */
const MAX_SINGLE_READS = 10

/** What one restart says, as far as it can change: it is written, some time. */
type Seen = Pick<Restart, 'key' | 'writtenAt'>

/**
 * Follows the authority: its tenants, and the last restart of each.
 *
 * Every change leaves a restart in the history; so reading the newest of these tells which tenants to read again.
 */
export class TenantFeed {
  readonly #authority: Authority
  /** By id. An entry is replaced when it changes, and never altered. */
  #tenants = new Map<string, BoardTenant>()
  #summaries = new Map<string, TenantSummary>()
  #current = new Map<TokenKey, string>()
  #seen = new Map<string, Seen>()
  #wanted = new Map<string, Wanted>()
  #recent: readonly Restart[] = []
  #news: Restart[] = []
  #total = 0
  #version = 0
  #reads = 0
  #isStale = true

  constructor(authority: Authority) {
    this.#authority = authority
  }

  get tenants(): ReadonlyMap<string, BoardTenant> {
    return this.#tenants
  }

  /** How many tenants there are, followed or not. */
  get total(): number {
    return this.#total
  }

  /** Another one whenever anything has changed. */
  get version(): number {
    return this.#version
  }

  /** The newest of the history, oldest first. */
  get recent(): readonly Restart[] {
    return this.#recent
  }

  /** The restarts that a replica must have taken up to be current with a tenant. */
  wantedOf(id: string): Wanted {
    const known = this.#wanted.get(id)
    if (known !== undefined) return known
    const wanted = { tenant: this.#current.get(tenantKey(id)), all: this.#current.get(ALL) }
    this.#wanted.set(id, wanted)
    return wanted
  }

  /** The restarts that are new, or newly written, since this was last called; oldest first. */
  takeNews(): Restart[] {
    const news = this.#news
    this.#news = []
    return news
  }

  /**
   * Reads what is new. What has been read is taken in at once, at the end.
   *
   * @throws what the authority throws; then the next read is a full one
   */
  async read(): Promise<void> {
    this.#reads += 1
    const isFull = this.#isStale || this.#reads % READS_PER_FULL === 0
    this.#isStale = true
    if (isFull) await this.#readAll()
    else await this.#readNew()
    this.#isStale = false
  }

  async #readNew(): Promise<void> {
    const isQuiet = ![...this.#seen.values()].some(({ writtenAt }) => writtenAt === null)
    if (isQuiet && this.#reads % READS_PER_WINDOW !== 0) {
      const { restarts } = await this.#authority.listRestarts({ limit: GLANCE })
      if (!restarts.some((restart) => this.#isNews(restart))) return
    }
    const { restarts } = await this.#authority.listRestarts({ limit: WINDOW })
    // More is new than the window holds, or the history is another one.
    if (restarts.length > 0 && !restarts.some(({ id }) => this.#seen.has(id))) return await this.#readAll()
    const fresh = restarts.filter(({ id }) => !this.#seen.has(id))
    const ids = [...new Set(fresh.map(({ tenant }) => tenant))].filter((id) => id !== null)
    if (ids.length > MAX_SINGLE_READS || this.#summaries.size + ids.length > MAX_TENANTS)
      return await this.#readAll()
    const changed = await Promise.all(ids.map((id) => this.#authority.findTenant(id)))
    const { total } =
      ids.length === 0 ? { total: this.#total } : await this.#authority.listTenants({ limit: 1 })
    for (const [index, id] of ids.entries()) {
      const tenant = changed[index]
      if (tenant === undefined) this.#summaries.delete(id)
      else this.#summaries.set(id, tenant)
    }
    for (const { key, id } of fresh) this.#restarted(key, id)
    this.#takeIn(restarts, total)
  }

  /** The history first: what is committed meanwhile is found new the next time, and read again. */
  async #readAll(): Promise<void> {
    const { restarts } = await this.#authority.listRestarts({ limit: WINDOW })
    const current = new Map<TokenKey, string>()
    for (let after: TokenKey | null | undefined; after !== null; ) {
      const page = await this.#authority.listCurrentRestarts({ after, limit: 1000 })
      for (const { key, id } of page.restarts) current.set(key, id)
      after = page.next
    }
    const summaries = new Map<string, TenantSummary>()
    let total = 0
    for (let after: string | null | undefined; after !== null && summaries.size < MAX_TENANTS; ) {
      const page = await this.#authority.listTenants({ after, limit: 1000 })
      for (const tenant of page.tenants) summaries.set(tenant.id, tenant)
      total = page.total
      after = page.next
    }
    this.#current = current
    this.#summaries = summaries
    this.#wanted.clear()
    this.#takeIn(restarts, total)
  }

  #restarted(key: TokenKey, id: string): void {
    const known = this.#current.get(key)
    if (known === undefined || isLaterId(id, known)) this.#current.set(key, id)
  }

  #takeIn(restarts: readonly Restart[], total: number): void {
    const isFirst = this.#version === 0
    const oldestFirst = restarts.toReversed()
    if (!isFirst) this.#news.push(...oldestFirst.filter((restart) => this.#isNews(restart)))
    this.#seen = new Map(restarts.map(({ id, key, writtenAt }) => [id, { key, writtenAt }]))
    this.#recent = oldestFirst.slice(-GLANCE)
    this.#total = total
    this.#wanted.clear()
    this.#version += 1
    this.#present()
  }

  #isNews({ id, writtenAt }: Restart): boolean {
    const seen = this.#seen.get(id)
    return seen === undefined || (seen.writtenAt === null) !== (writtenAt === null)
  }

  /** Makes the entries anew, and keeps those that say the same. */
  #present(): void {
    const waiting = new Set<TokenKey>()
    for (const { key, writtenAt } of this.#seen.values()) if (writtenAt === null) waiting.add(key)
    const tenants = new Map<string, BoardTenant>()
    for (const [id, { name, hostnames, version }] of this.#summaries) {
      const key = tenantKey(id)
      const restart = this.#current.get(key) ?? null
      const written = !waiting.has(key) && !waiting.has(ALL)
      const known = this.#tenants.get(id)
      const next = { id, name, hostnames: [...hostnames], version, restart, written }
      tenants.set(id, known !== undefined && isSame(known, next) ? known : next)
    }
    this.#tenants = tenants
  }
}

/** A tenant's name and host names do not change without its version. */
function isSame(one: BoardTenant, other: BoardTenant): boolean {
  return one.version === other.version && one.restart === other.restart && one.written === other.written
}
