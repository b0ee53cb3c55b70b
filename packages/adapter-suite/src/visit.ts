import type { Lease } from '@tenantry/core'

/** One generation of a tenant, which knows how often it was disposed of. */
export interface TestTenant {
  readonly id: string
  /** Counts up over all tenants of a scene. */
  readonly generation: number
  disposals: number
}

/** What is needed of a connection: a socket has it, and what `node:http2` calls the socket of a request. */
export interface Connection {
  readonly destroyed: boolean
  once(event: 'close', listener: () => void): unknown
  listenerCount(event: 'close'): number
}

/** A request, as far as the suite looks at it, whatever the server. */
export interface Visit {
  readonly method: string
  /** The target, as it came. */
  readonly url: string
  readonly connection: Connection
  /** What the adapter gives the handlers; reading it throws where no tenant was reached. */
  readonly tenant: TestTenant
  /** This request's lease, as the adapter gives it to the handlers; throws likewise. */
  readonly lease: Lease<unknown>
}
