import type { Asked } from '@tenantry/authority'
import type { FastifyRequest } from 'fastify'

/** Who asks, by their own word, and why: for the history. */
export function askedBy(request: FastifyRequest, reason: string | undefined): Asked {
  return { by: operatorOf(request.headers['x-tenantry-operator']), reason }
}

function operatorOf(header: string | string[] | undefined): string {
  if (typeof header !== 'string' || header === '') return 'api'
  try {
    return decodeURIComponent(header)
  } catch {
    return header
  }
}
