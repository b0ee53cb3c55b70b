import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TenantPoolStats, TokenStore } from '@tenantry/core'
import tenantry, { type TenantryOptions } from '@tenantry/fastify'
import { monotonicMs } from '@tenantry/load-test'
import Fastify from 'fastify'

/** What {@link Site}s know of a tenant, and replicas answer: fields that belong together, as the checker wants them. */
export interface SiteTenant {
  readonly id: string
  readonly name: string
  readonly hostnames: readonly string[]
  readonly [field: string]: unknown
}

export interface ReplicaOptions
  extends Pick<TenantryOptions, 'checkTimeoutMs' | 'maxUncheckedMs' | 'sweepMs'> {
  /** What it calls itself. */
  readonly name: string
  readonly tokens: () => TokenStore
  readonly load: (id: string, context: { signal: AbortSignal }) => Promise<SiteTenant | undefined>
}

/** An app server in this process, on a real socket. */
export interface Replica {
  readonly name: string
  readonly port: number
  readonly origin: string
  /** How often it has lost the store. */
  readonly losses: number
  stats(): TenantPoolStats
  /** Whether it served unchecked at any time from `from` to `to`, since it had lost the store. */
  wasUnchecked(from: number, to: number): boolean
  close(): Promise<void>
}

/** Answers as the sample server does, so that the load test can check it. */
export async function startReplica({ name, ...options }: ReplicaOptions): Promise<Replica> {
  const app = Fastify({ forceCloseConnections: true })
  await app.register(tenantry, options)
  const away: { readonly from: number; to: number }[] = []
  app.tenants.on('storeUnreachable', () => away.push({ from: monotonicMs(), to: Number.POSITIVE_INFINITY }))
  app.tenants.on('storeReachable', () => {
    const last = away.at(-1)
    if (last !== undefined) last.to = monotonicMs()
  })

  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-tenantry-token', request.tenantLease.token)
    reply.header('x-tenantry-replica', name)
  })
  app.get('/whoami', ({ tenant, tenantLease: { token } }) => ({ tenant, token, replica: name }))
  app.get<{ Querystring: { ms: string } }>('/slow', async (request) => {
    await sleep(Number(request.query.ms))
    const { tenant, tenantLease } = request
    return { tenant, token: tenantLease.token, replica: name }
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return {
    name,
    port,
    origin: `http://127.0.0.1:${port}`,
    get losses() {
      return away.length
    },
    stats: () => app.tenants.stats(),
    wasUnchecked: (from, to) => away.some((span) => span.from <= to && span.to >= from),
    close: () => app.close(),
  }
}
