/**
 * `@tenantry/app-support`: what our apps share, and no user needs. Nothing here starts anything by itself.
 */
export { clientErrorHandler } from './client-error.ts'
export {
  databaseUrl,
  EnvironmentError,
  host,
  type LogLevel,
  logLevel,
  port,
  readEnvironment,
  redisUrl,
  text,
  type Variable,
} from './environment.ts'
export { describeError, type ErrorBody } from './error-body.ts'
export { explainStart } from './explain-start.ts'
export { endLingeringConnections } from './lingering-connections.ts'
export { printable, printableJson } from './printable.ts'
export { show } from './show.ts'
