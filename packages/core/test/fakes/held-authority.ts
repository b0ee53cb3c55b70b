import { HeldCalls } from './held-calls.ts'

export interface SampleTenant {
  readonly id: string
  readonly hostnames: readonly string[]
}

/** An authority with tenants and their host names. What it is asked for is answered when the test says so. */
export class HeldAuthority {
  /** The host names of every tenant. An error: its configuration cannot be read. */
  readonly tenants: Map<string, readonly string[] | Error>
  readonly lookups: HeldCalls<{ hostname: string; signal: AbortSignal }, string | undefined>
  readonly loads: HeldCalls<{ id: string; signal: AbortSignal }, SampleTenant | undefined>

  constructor(tenants: Record<string, readonly string[]>) {
    this.tenants = new Map(Object.entries(tenants))
    this.lookups = new HeldCalls(({ hostname }) => this.#owner(hostname))
    this.loads = new HeldCalls(({ id }) => this.#load(id))
  }

  readonly lookup = (hostname: string, { signal }: { signal: AbortSignal }): Promise<string | undefined> =>
    this.lookups.call({ hostname, signal })

  readonly load = (id: string, { signal }: { signal: AbortSignal }): Promise<SampleTenant | undefined> =>
    this.loads.call({ id, signal })

  hold(): void {
    this.lookups.holding = true
    this.loads.holding = true
  }

  /** From now on questions are answered by themselves, and so are those that wait. */
  letGo(): void {
    this.lookups.letGo()
    this.loads.letGo()
  }

  #owner(hostname: string): string | undefined {
    for (const [id, hostnames] of this.tenants) {
      if (!(hostnames instanceof Error) && hostnames.includes(hostname)) return id
    }
    return undefined
  }

  #load(id: string): SampleTenant | undefined {
    const hostnames = this.tenants.get(id)
    if (hostnames instanceof Error) throw hostnames
    return hostnames && { id, hostnames }
  }
}
