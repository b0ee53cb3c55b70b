import type { Token, TokenKey } from './token.ts'

/** What a pool tells. Each event tells of a change, never of a request; its first argument says all there is to know. */
export interface TenantPoolEvents {
  /** A tenant was built, and is served from now on. */
  built: [{ id: string; token: Token; durationMs: number }]
  /**
   * `load` or `create` failed, under these tokens (null: absent); the tenant is not built again under the same ones
   * before `retryAfterMs` have passed.
   */
  buildFailed: [{ id: string; token: Token | null; all: Token | null; error: unknown; retryAfterMs: number }]
  /** A build has found that there is no such tenant, or no longer. */
  notFound: [{ id: string }]
  /** A tenant's tokens are no longer those it was built under: it left the pool. */
  replaced: [{ id: string; token: Token }]
  /** A tenant left the pool to make room for another. */
  evicted: [{ id: string; token: Token }]
  /** A tenant was disposed of. `leases`: how many still held it at the drain deadline. */
  disposed: [{ id: string; token: Token; leases: number }]
  /** `dispose` threw or rejected. */
  disposeFailed: [{ id: string; error: unknown }]
  /** The token store does not answer: tenants in memory are served unchecked for a while, others get 503. */
  storeUnreachable: [{ error: unknown }]
  /** The token store answers again. */
  storeReachable: [{ afterMs: number }]
  /** An operation on a key began to fail, or on many keys of which this is the first. */
  keyFailed: [{ operation: 'read' | 'claim' | 'touch'; key: TokenKey; error: unknown }]
  /** An operation that had failed went well again. */
  keyAnswered: [{ operation: 'read' | 'claim' | 'touch'; key: TokenKey }]
  /** A tenant was built whose host names cannot be had: `hostnamesOf` threw, or gave what is no host name. */
  hostnamesFailed: [{ id: string; error: unknown }]
  /** A host name cannot be looked up just now. */
  lookupFailed: [{ hostname: string; error: unknown }]
  /** A host name can be looked up again. */
  lookupAnswered: [{ hostname: string }]
}

/** Tells an event. */
export type Tell = <Name extends keyof TenantPoolEvents>(name: Name, ...told: TenantPoolEvents[Name]) => void
