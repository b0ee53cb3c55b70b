import type { ServerOptions } from '@tenantry/core/adapter'
import type { ServeOptions } from './adapter.ts'
import type { TestTenant, Visit } from './visit.ts'

/** What an adapter is told, for requests of its own kind. */
export function tenantsFor<Request>(
  { tenants: { identify, ...others } }: ServeOptions,
  visitOf: (request: Request) => Visit,
  // biome-ignore lint/suspicious/noExplicitAny: tests load what they like
): ServerOptions<Request, any, TestTenant> {
  if (identify === undefined) return others
  if (typeof identify !== 'function') return { ...others, identify }
  return { ...others, identify: (request) => identify(visitOf(request)) }
}
