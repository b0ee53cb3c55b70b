/**
 * `@tenantry/load-test` for those who run it inside another process, and its checker for tests that bring faults of
 * their own. Nothing here starts a server by itself.
 */
export { DisturbanceLog } from './disturbance-log.ts'
export { Driver } from './driver.ts'
export { Ledger } from './ledger.ts'
export { fieldsOf, type LoadTenant } from './load-tenants.ts'
export { type LoadTestOptions, runLoadTest } from './load-test.ts'
export { LoadTestError } from './load-test-error.ts'
export { Measurement } from './measurement.ts'
export { monotonicMs } from './monotonic-ms.ts'
export { isBroken, type Results, type Settings } from './results.ts'
export type { Control, Manager, Scene, Target } from './scene.ts'
