import { type Authority, type CommittedRestart, Reconciler, RestartWriter } from '@tenantry/authority'
import { type TokenKey, type TokenStore, tenantKey } from '@tenantry/core'
import { fieldsOf, Ledger, type LoadTenant, monotonicMs } from '@tenantry/load-test'
import type { SiteTenant } from './replica.ts'
import { type Site, siteTenant } from './site.ts'

const ASKED = { by: 'the manager' }

/** A site on Postgres, as the tenant manager keeps it: with a reconciler. */
export class AuthoritySite implements Site {
  readonly ledger: Ledger = Ledger.ofCapacity(100_000)
  /** What the reconciler has written again. */
  readonly rewritten: TokenKey[] = []
  readonly #authority: Authority
  readonly #writer: RestartWriter
  readonly #reconciler: Reconciler
  readonly #sequences = new Map<string, number>()
  #sequence = 0

  /** @param tokens the store that replicas read; both stay the caller's */
  constructor({ authority, tokens }: { authority: Authority; tokens: TokenStore }) {
    this.#authority = authority
    this.#writer = new RestartWriter({ authority, tokens })
    this.#reconciler = new Reconciler({ authority, tokens, everyMs: 100 })
    this.#reconciler.on('rewritten', ({ key }) => this.rewritten.push(key))
    this.#reconciler.start()
  }

  async load(id: string, context: { signal: AbortSignal }): Promise<SiteTenant | undefined> {
    const tenant = await this.#authority.findTenant(id, context)
    return tenant && { ...tenant.config, id, name: tenant.name, hostnames: tenant.hostnames }
  }

  async commit(tenants: readonly LoadTenant[]): Promise<() => Promise<void>> {
    const committed: (readonly [LoadTenant, readonly CommittedRestart[], sequence: number])[] = []
    for (const tenant of tenants) {
      this.#sequence += 1
      const restarts = await this.#commitOne(tenant.id, this.#sequence)
      this.#sequences.set(tenant.id, this.#sequence)
      committed.push([tenant, restarts, this.#sequence])
    }
    return async () => {
      for (const [{ index }, restarts, sequence] of committed) {
        const { written } = await this.#writer.write(restarts)
        // Not written: the reconciler sees to it, and nothing is required of anybody by this one.
        const resolvedAt = written ? monotonicMs() : undefined
        this.ledger.append({ tenant: index, id: Number(restarts[0]?.id), sequence, resolvedAt })
      }
    }
  }

  sequenceOf({ id }: LoadTenant): number {
    return this.#sequences.get(id) ?? 0
  }

  /** The number of the last restart of a tenant. */
  async currentRestart(id: string): Promise<string | undefined> {
    return (await this.#authority.findCurrentRestart(tenantKey(id)))?.id
  }

  close(): Promise<void> {
    return this.#reconciler.close()
  }

  async #commitOne(id: string, sequence: number): Promise<readonly CommittedRestart[]> {
    const { name, hostnames } = siteTenant(id, sequence)
    const { config } = fieldsOf(id, sequence) as { config: Record<string, unknown> }
    const found = await this.#authority.findTenant(id)
    const { restarts } =
      found === undefined
        ? await this.#authority.createTenant({ id, name, hostnames, config }, ASKED)
        : await this.#authority.changeTenant(id, { version: found.version, name, config }, ASKED)
    return restarts
  }
}
