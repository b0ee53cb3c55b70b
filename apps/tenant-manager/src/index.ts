/** `@tenantry/tenant-manager` for those who run it inside another process. */
export { serverOptions, type TenantManagerOptions, type TenantSummary, tenantManager } from './app.ts'
