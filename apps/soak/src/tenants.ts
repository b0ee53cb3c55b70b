import { setTimeout as wait } from 'node:timers/promises'

/** How many there are: three times as many as a replica keeps, so that there is always one to be evicted. */
export const TENANTS = 60

/** Heavy enough for a few that are kept to be seen in the heap, too. */
const BALLAST_BYTES = 20_000

/** One load of so many fails. */
const FAILURES = 50

export interface SoakedTenant {
  readonly id: string
  readonly hostname: string
  readonly ballast: readonly number[]
}

export const hostnameOf = (index: number): string => `tenant-${index}.test`

/** Makes tenants, and knows what has become of them without holding on to any. */
export class Tenants {
  created = 0
  disposed = 0
  /** Disposed of, and nobody refers to them any more. */
  collected = 0
  /** Disposed of twice. */
  twice = 0
  #loads = 0
  readonly #ended = new WeakSet<SoakedTenant>()
  readonly #registry = new FinalizationRegistry<undefined>(() => {
    this.collected += 1
  })

  /** What the authority says of a tenant; now and then it fails, or takes its time. */
  async load(id: string): Promise<string | undefined> {
    this.#loads += 1
    if (this.#loads % 3 === 0) await wait(this.#loads % 7)
    if (this.#loads % FAILURES === 0) throw new Error('The authority has failed, as it does now and then')
    return isTenant(id) ? id : undefined
  }

  lookup(hostname: string): string | undefined {
    const id = hostname.replace(/\.test$/, '')
    return isTenant(id) ? id : undefined
  }

  create(id: string): SoakedTenant {
    this.created += 1
    return { id, hostname: `${id}.test`, ballast: new Array(BALLAST_BYTES / 8).fill(0.5) }
  }

  dispose(tenant: SoakedTenant): void {
    if (this.#ended.has(tenant)) this.twice += 1
    this.#ended.add(tenant)
    this.disposed += 1
    this.#registry.register(tenant, undefined)
  }
}

function isTenant(id: string): boolean {
  const index = /^tenant-(\d{1,4})$/.exec(id)?.[1]
  return index !== undefined && Number(index) < TENANTS
}
