/**
 * `@tenantry/sample-server` for those who run it inside another process: the demo, tests. Nothing here starts a
 * server or reads the environment by itself.
 */
export { type SampleServerOptions, sampleServer, serverOptions, type WhoAmI } from './app.ts'
export { AuthorityTenants } from './authority-tenants.ts'
export { CONFIG_SCHEMA } from './config-schema.ts'
export type { Product, Tenant, Theme } from './tenant.ts'
export type { TenantSource } from './tenant-source.ts'
export { SAMPLE_TENANTS_FILE, TenantsFile, TenantsFileError } from './tenants-file.ts'
