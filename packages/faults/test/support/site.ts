import { setTimeout as sleep } from 'node:timers/promises'
import { newToken, TenantLifecycle, type TokenStore } from '@tenantry/core'
import { fieldsOf, Ledger, type LoadTenant, monotonicMs } from '@tenantry/load-test'
import type { SiteTenant } from './replica.ts'

/** Where configurations are committed, and restarts come from. */
export interface Site {
  /** What has been committed, and what has resolved: what the checker requires of every answer. */
  readonly ledger: Ledger
  load(id: string, context: { signal: AbortSignal }): Promise<SiteTenant | undefined>
  /** Commits the next configuration of these tenants; resolves to what restarts them, which may be repeated. */
  commit(tenants: readonly LoadTenant[]): Promise<() => Promise<void>>
  /** Of the configuration that was committed last. */
  sequenceOf(tenant: LoadTenant): number
}

/** How long a configuration takes to arrive, in milliseconds: it may be old by then. */
const LOAD_MS = 5

/** A site in memory, which restarts through `TenantLifecycle`: what rejects is to be repeated by the caller. */
export class MemorySite implements Site {
  readonly ledger: Ledger = Ledger.ofCapacity(100_000)
  readonly #tokens: TokenStore
  readonly #isNumbered: boolean
  readonly #sequences = new Map<string, number>()
  #sequence = 0

  /**
   * @param options.numbered whether tokens bear the number of the configuration that they were written for, so that the
   *   checker sees it, too, when one is older. Not where the store may go back to an older token: a tenant that is built
   *   anew under that one is as fresh as can be.
   */
  constructor(tokens: TokenStore, { numbered }: { numbered: boolean }) {
    this.#tokens = tokens
    this.#isNumbered = numbered
  }

  async load(id: string): Promise<SiteTenant | undefined> {
    const sequence = this.#sequences.get(id)
    await sleep(LOAD_MS)
    return sequence === undefined ? undefined : siteTenant(id, sequence)
  }

  async commit(tenants: readonly LoadTenant[]): Promise<() => Promise<void>> {
    this.#sequence += 1
    const sequence = this.#sequence
    const enter = (resolvedAt: number | undefined) => {
      for (const { index } of tenants)
        this.ledger.append({ tenant: index, id: sequence, sequence, resolvedAt })
    }
    for (const { id } of tenants) this.#sequences.set(id, sequence)
    // Whatever is written for it from now on, however late it arrives, promises this configuration.
    enter(undefined)
    const lifecycle = new TenantLifecycle(this.#tokens, {
      newToken: () => (this.#isNumbered ? `${sequence}.${newToken()}` : newToken()),
    })
    return async () => {
      await lifecycle.restartMany(tenants.map(({ id }) => id))
      enter(monotonicMs())
    }
  }

  sequenceOf({ id }: LoadTenant): number {
    return this.#sequences.get(id) ?? 0
  }
}

/** All fields carry one number: what mixes two configurations shows. */
export function siteTenant(id: string, sequence: number): SiteTenant {
  const { name, config } = fieldsOf(id, sequence)
  return { ...config, id, name, hostnames: [id] }
}
