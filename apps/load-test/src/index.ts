/** `@tenantry/load-test` for those who run it inside another process. Nothing here starts a server by itself. */
export { type LoadTestOptions, runLoadTest } from './load-test.ts'
export { LoadTestError } from './load-test-error.ts'
export { isBroken, type Results, type Settings } from './results.ts'
export type { Control, Manager, Scene, Target } from './scene.ts'
