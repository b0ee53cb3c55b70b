/**
 * `@tenantry/core`: the tokens, the checks and the pool.
 *
 * Nothing reachable from here knows an HTTP server, Redis or Postgres; `test/entrypoints.test.ts` proves it on
 * the built files.
 */
export { type Clock, type Timer, systemClock } from './clock.ts'
export { ERROR_CODES, TenantryError, type TenantryErrorCode, type TenantryErrorOptions } from './errors.ts'
export {
  ALL,
  ALL_HOSTS,
  newToken,
  TOKEN_LIFETIME_MS,
  type Token,
  type TokenKey,
  tenantKey,
  tokenLifetimeMs,
} from './token.ts'
export { type ClaimSteps, claimToken, type TokenAnswer, type TokenStore } from './token-store.ts'
