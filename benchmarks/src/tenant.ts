/** What every subject keeps in memory for a tenant, and answers a request with. */
export interface Tenant {
  readonly name: string
  readonly greeting: string
  /** The how-manieth tenant of this process it is: a tenant that was restarted has another one. */
  readonly build: number
}

let builds = 0

/** The host name of one of the tenants. */
export function hostOf(index: number): string {
  return `tenant-${index}.example.com`
}

/** The configuration of a tenant; reading it costs nothing, so that only the checks are compared. */
export function newTenant(host: string): Tenant {
  builds += 1
  return { name: host, greeting: `Hello from ${host}`, build: builds }
}
