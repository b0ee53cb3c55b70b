import type { Tenant } from './tenant.ts'

/** Where tenants come from. Every question is answered by what is there now: it sees every commit (R2). */
export interface TenantSource {
  /** The tenant with this id; undefined when there is none. Rejects for one that the page cannot be made of. */
  load(id: string, options?: { signal?: AbortSignal }): Promise<Tenant | undefined>

  /** The id of the tenant with this canonical host name; undefined when there is none. */
  lookup(hostname: string, options?: { signal?: AbortSignal }): Promise<string | undefined>

  /** Lets go of connections. */
  close?(): Promise<void>
}
