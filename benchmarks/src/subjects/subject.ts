import type { FastifyInstance } from 'fastify'
import type { Tenant } from '../tenant.ts'

export interface Setting {
  readonly redisUrl: string
  /** How many tenants there are; all of them find room. */
  readonly tenants: number
}

/** One way of knowing that a tenant in memory is up to date. All else is the same for all. */
export interface Subject {
  /** What it is called in the tables. */
  readonly title: string

  /**
   * When a restart is seen: by every request that comes after it, soon, or never.
   *
   * Several of those that see it soon may miss it altogether when a message is lost.
   */
  readonly takesUp: 'at once' | 'soon' | 'never'

  /** A server that answers `GET /` with the tenant that the host names. */
  serve(setting: Setting): Promise<FastifyInstance>

  /** Restarts a tenant from outside the server, as its manager would. */
  restart?(redisUrl: string, host: string): Promise<void>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The tenant that a subject's own hook has found. */
    found: Tenant | null | undefined
  }
}
