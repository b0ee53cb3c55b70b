/** The code of an error of Tenantry; `docs/reference/errors.md` tells what each means and what to do. */
export type TenantryErrorCode =
  | 'TENANTRY_ERR_HOST_INVALID'
  | 'TENANTRY_ERR_TENANT_ID_INVALID'
  | 'TENANTRY_ERR_TENANT_NOT_FOUND'
  | 'TENANTRY_ERR_NO_TENANT'
  | 'TENANTRY_ERR_OPTIONS_INVALID'
  | 'TENANTRY_ERR_RESTART_FAILED'
  | 'TENANTRY_ERR_BUILD_FAILED'
  | 'TENANTRY_ERR_BUILD_TIMEOUT'
  | 'TENANTRY_ERR_BUILD_QUEUE_FULL'
  | 'TENANTRY_ERR_LOOKUP_FAILED'
  | 'TENANTRY_ERR_STORE_UNREACHABLE'
  | 'TENANTRY_ERR_TENANT_RESTARTED'
  | 'TENANTRY_ERR_TENANT_EVICTED'
  | 'TENANTRY_ERR_POOL_CLOSED'
  | 'TENANTRY_ERR_TENANT_INVALID'
  | 'TENANTRY_ERR_TENANT_EXISTS'
  | 'TENANTRY_ERR_VERSION_CONFLICT'
  | 'TENANTRY_ERR_HOSTNAME_TAKEN'
  | 'TENANTRY_ERR_AUTHORITY_UNREACHABLE'

/**
 * Every error of Tenantry, by code: the HTTP status that it stands for, and what it says.
 *
 * Messages are read by strangers: they tell nothing of the inside beyond what the stranger sent. What went wrong
 * inside is in `cause`.
 */
const ERRORS: Record<TenantryErrorCode, readonly [statusCode: number, message: string]> = {
  TENANTRY_ERR_HOST_INVALID: [400, 'The request does not name one valid host'],
  TENANTRY_ERR_TENANT_ID_INVALID: [400, 'That is not a valid tenant id'],
  TENANTRY_ERR_TENANT_NOT_FOUND: [404, 'There is no such tenant'],
  TENANTRY_ERR_NO_TENANT: [500, 'This request has no tenant'],
  TENANTRY_ERR_OPTIONS_INVALID: [500, 'Tenantry was given invalid options'],
  TENANTRY_ERR_RESTART_FAILED: [503, 'The restart may not have been written: repeat it'],
  TENANTRY_ERR_BUILD_FAILED: [503, 'The tenant cannot be served just now'],
  TENANTRY_ERR_BUILD_TIMEOUT: [503, 'It was not done in time'],
  TENANTRY_ERR_BUILD_QUEUE_FULL: [503, 'Too many tenants are waiting to be built'],
  TENANTRY_ERR_LOOKUP_FAILED: [503, 'It cannot be found out just now whose host this is'],
  TENANTRY_ERR_STORE_UNREACHABLE: [503, 'The tenant cannot be checked just now'],
  TENANTRY_ERR_TENANT_RESTARTED: [503, 'The tenant was restarted'],
  TENANTRY_ERR_TENANT_EVICTED: [503, 'The tenant was evicted to make room for others'],
  TENANTRY_ERR_POOL_CLOSED: [503, 'The server is closing'],
  TENANTRY_ERR_TENANT_INVALID: [400, 'That is not a valid tenant'],
  TENANTRY_ERR_TENANT_EXISTS: [409, 'There is a tenant with this id already'],
  TENANTRY_ERR_VERSION_CONFLICT: [409, 'The tenant has been changed meanwhile'],
  TENANTRY_ERR_HOSTNAME_TAKEN: [409, 'The host name belongs to another tenant'],
  TENANTRY_ERR_AUTHORITY_UNREACHABLE: [503, 'The database cannot be reached just now'],
}

/** All codes. */
export const ERROR_CODES: readonly TenantryErrorCode[] = Object.keys(ERRORS) as TenantryErrorCode[]

/** After how long to try again where nothing better is known, in milliseconds. */
const DEFAULT_RETRY_AFTER_MS = 1000

/** Marks the errors of every copy of this package. */
const brand = Symbol.for('tenantry.error')

export interface TenantryErrorOptions {
  /** What went wrong inside; for logs. */
  cause?: unknown
  /** What to say instead of the code's own message. Strangers may read it. */
  message?: string
  /** After how long to try again, in milliseconds. */
  retryAfterMs?: number
}

/**
 * An error with a code. `message` is safe to show to anybody; `cause` is not.
 *
 * `instanceof TenantryError` also holds for an error that another copy of this package made.
 */
export class TenantryError extends Error {
  readonly code: TenantryErrorCode
  /** The HTTP status that this error stands for. */
  readonly statusCode: number
  /** After how long to try again, in milliseconds; undefined where trying again is of no use. */
  readonly retryAfterMs: number | undefined

  constructor(code: TenantryErrorCode, options: TenantryErrorOptions = {}) {
    const [statusCode, message] = ERRORS[code]
    super(options.message ?? message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'TenantryError'
    Object.defineProperty(this, brand, { value: true })
    this.code = code
    this.statusCode = statusCode
    this.retryAfterMs = options.retryAfterMs ?? (statusCode === 503 ? DEFAULT_RETRY_AFTER_MS : undefined)
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value
  }
}

/** A received value as messages show it: strings in quotes and cut short, others by their kind. */
export function quote(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}

export function hasCode(error: unknown, code: TenantryErrorCode): boolean {
  return error instanceof TenantryError && error.code === code
}
