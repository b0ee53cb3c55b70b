import type { Visit } from '@tenantry/adapter-suite'
import type { FastifyRequest } from 'fastify'

/** A request as the suite looks at it. */
export function visitOf(request: FastifyRequest): Visit {
  return {
    method: request.method,
    url: request.url,
    connection: request.raw.socket,
    get tenant() {
      return request.tenant
    },
    get lease() {
      return request.tenantLease
    },
  }
}
