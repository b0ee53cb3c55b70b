/** `@tenantry/tenant-manager` for those who run it inside another process. */
export type { Demo } from './api.ts'
export { serverOptions, type TenantManagerOptions, tenantManager } from './app.ts'
export type { DemoControls } from './routes/demo.ts'
