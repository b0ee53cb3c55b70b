import type { Authority, Committed, Tenant } from '@tenantry/authority'
import type { Commit, Records } from './records.ts'
import type { World } from './world.ts'

/** Copies to the records what the authority has committed, right after each commit, and remembers when that was. */
export class Ledger {
  readonly #authority: Authority
  readonly #ids: readonly string[]
  readonly #records: Records
  readonly #schedule: World['schedule']
  /** By what the transaction has resolved to. */
  readonly #commits = new WeakMap<object, Commit>()
  readonly #seen = new Map<string, string | undefined>()

  /** @param authority reads past all faults */
  constructor(world: World, authority: Authority) {
    this.#authority = authority
    this.#ids = world.ids
    this.#records = world.records
    this.#schedule = world.schedule
  }

  async note(committed: Committed<unknown>): Promise<void> {
    const changes = new Map<string, readonly string[] | undefined>()
    for (const id of this.#ids) {
      const tenant = await this.#authority.findTenant(id)
      const seen = tenant && generationOf(tenant)
      if (seen === this.#seen.get(id)) continue
      this.#seen.set(id, seen)
      changes.set(id, tenant?.hostnames)
    }
    const keys = committed.restarts?.map(({ key }) => key) ?? []
    this.#commits.set(committed, this.#records.commit(changes, keys))
  }

  /** When something was committed, and which tenants it has changed. */
  commitOf(committed: Committed<unknown>): Pick<Commit, 'moment' | 'ids'> {
    return this.#commits.get(committed) ?? { moment: this.#schedule.moment(), ids: [] }
  }

  /** What of the committed restarts the store does not hold. */
  async unwritten({ wall }: World): Promise<string[]> {
    const { restarts } = await this.#authority.listCurrentRestarts({ limit: 100 })
    return restarts
      .filter(({ key, id }) => wall.held.get(key)?.startsWith(`${id}.`) !== true)
      .map(({ key, id }) => `restart ${id} of ${key}`)
  }
}

/** A tenant that is created anew begins with version 1 again, but with other host names or at another time. */
function generationOf({ version, createdAt, hostnames }: Tenant): string {
  return `${createdAt.getTime()} ${version} ${hostnames}`
}
