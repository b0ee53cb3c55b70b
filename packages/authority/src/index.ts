/**
 * `@tenantry/authority`: the site configuration authority on Postgres.
 *
 * Neither `pg` nor PGlite is loaded before a database of its kind is opened.
 */
export { Authority, type ReadOptions } from './authority.ts'
export type { Database, Sql } from './database.ts'
export { openDatabase } from './open-database.ts'
export { pgDatabase } from './pg-database.ts'
export { pgliteDatabase } from './pglite-database.ts'
export { type Look, Reconciler, type ReconcilerEvents, type ReconcilerOptions } from './reconciler.ts'
export type { CurrentRestart, LedgerQuery, Place, RestartLedger } from './restart-ledger.ts'
export { RestartWriter, type RestartWriterOptions, type WrittenRestarts } from './restart-writer.ts'
export type { CurrentRestartsPage, CurrentRestartsQuery, RestartsPage, RestartsQuery } from './restarts.ts'
export type { TenantsPage, TenantsQuery } from './tenants.ts'
export type {
  Asked,
  Cause,
  Committed,
  CommittedRestart,
  Config,
  NewTenant,
  Restart,
  Tenant,
  TenantChange,
  TenantSummary,
} from './types.ts'
