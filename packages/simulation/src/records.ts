import type { TokenKey } from '@tenantry/core'
import type { Schedule } from './schedule.ts'

/** What one tenant has become by one commit. */
export interface TenantState {
  readonly id: string
  readonly moment: number
  /** Its place amongst the states of its tenant: how the history names it. */
  readonly version: number
  /** Undefined: there is no such tenant. */
  readonly hostnames: readonly string[] | undefined
}

/** A change that is committed: what of, and by which tokens it is to be told. */
export interface Commit {
  readonly moment: number
  readonly ids: readonly string[]
  /** Those that have got another owner, or none. */
  readonly hosts: readonly string[]
  readonly keys: readonly TokenKey[]
}

/** What the authority has committed, in the order of the commits: what everything is judged by. */
export class Records {
  readonly commits: Commit[] = []
  readonly #schedule: Schedule
  readonly #states = new Map<string, TenantState[]>()

  constructor(schedule: Schedule) {
    this.#schedule = schedule
  }

  /** What a tenant is just now. Undefined: there has never been one. */
  latest(id: string): TenantState | undefined {
    return this.#states.get(id)?.at(-1)
  }

  ownerOf(hostname: string): string | undefined {
    for (const [id, states] of this.#states) if (states.at(-1)?.hostnames?.includes(hostname)) return id
    return undefined
  }

  /** The host names of a tenant just before a moment. Undefined: there was no such tenant. */
  hostnamesAt(id: string, moment: number): readonly string[] | undefined {
    return this.#states.get(id)?.findLast((state) => state.moment < moment)?.hostnames
  }

  ownerAt(hostname: string, moment: number): string | undefined {
    for (const id of this.#states.keys()) if (this.hostnamesAt(id, moment)?.includes(hostname)) return id
    return undefined
  }

  /** Whether a tenant has ever had a host name. */
  hasHad(id: string, hostname: string): boolean {
    return this.#states.get(id)?.some(({ hostnames }) => hostnames?.includes(hostname)) === true
  }

  /** @param changes the host names of each tenant that has changed; undefined: it is deleted */
  commit(changes: ReadonlyMap<string, readonly string[] | undefined>, keys: readonly TokenKey[]): Commit {
    const moment = this.#schedule.moment()
    const hostsBefore = this.#owners()
    for (const [id, hostnames] of changes) {
      const states = this.#states.get(id) ?? []
      this.#states.set(id, states)
      states.push({ id, moment, version: states.length + 1, hostnames })
    }
    const hostsAfter = this.#owners()
    const hosts = [...new Set([...hostsBefore.keys(), ...hostsAfter.keys()])].filter(
      (host) => hostsBefore.get(host) !== hostsAfter.get(host),
    )
    const commit = { moment, ids: [...changes.keys()], hosts, keys }
    this.commits.push(commit)
    return commit
  }

  #owners(): Map<string, string> {
    const owners = new Map<string, string>()
    for (const [id, states] of this.#states) {
      for (const hostname of states.at(-1)?.hostnames ?? []) owners.set(hostname, id)
    }
    return owners
  }
}
