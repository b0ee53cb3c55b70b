/**
 * `@tenantry/soak`: one replica under everything at once, for as long as one likes. Nothing here starts by itself.
 */
export { runSoak, type SoakOptions } from './soak.ts'
