/** What a pool holds just now. */
export interface TenantPoolStats {
  /** Tenants in the pool. */
  tenants: number
  /** Tenants that have left the pool and are not disposed of yet. */
  draining: number
  /** Leases that are held, on tenants in the pool and on draining ones. */
  leases: number
  /** Builds that load in order to serve. */
  buildsRunning: number
  /** Builds that wait for a slot, or behind a build of the same tenant. */
  buildsWaiting: number
  /** Questions whose host a name is, or whether a tenant exists. */
  lookupsRunning: number
  lookupsWaiting: number
  store: 'reachable' | 'unreachable'
}
