import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { hostDirectory } from '@tenantry/core'
import tenantry from '@tenantry/fastify'
import { RedisTokenStore } from '@tenantry/redis'
import Fastify, { type FastifyInstance } from 'fastify'
import type { SoakedTenant, Tenants } from './tenants.ts'

declare module '@tenantry/fastify' {
  interface TenantryTypes {
    tenant: SoakedTenant
  }
}

/** How many tenants the replica keeps. */
export const MAX_TENANTS = 20

export interface Replica {
  readonly app: FastifyInstance
  readonly port: number
}

/** A server with the plugin: short answers, slow ones, streams and bodies. Every answer names its tenant first. */
export async function startReplica(tenants: Tenants, redisUrl: string): Promise<Replica> {
  const app = Fastify()
  await app.register(tenantry, {
    tokens: () => new RedisTokenStore(redisUrl),
    load: (id: string) => tenants.load(id),
    create: (id: string) => tenants.create(id),
    dispose: (tenant) => tenants.dispose(tenant),
    identify: hostDirectory<SoakedTenant>({
      lookup: (hostname) => tenants.lookup(hostname),
      hostnamesOf: ({ hostname }) => [hostname],
    }),
    maxTenants: MAX_TENANTS,
    sweepMs: 500,
    unknownForMs: 500,
    // Far above what a handler takes here: what is held for so long is held for good.
    drainTimeoutMs: 5000,
  })
  app.get('/', async ({ tenant }) => tenant.id)
  app.get('/slow', async ({ tenant }) => {
    await wait(20)
    return tenant.id
  })
  app.get('/stream', async ({ tenant }, reply) =>
    reply.type('text/plain').send(Readable.from(piecesOf(tenant))),
  )
  app.post('/', async ({ tenant }) => tenant.id)
  app.addContentTypeParser(
    'text/plain',
    { parseAs: 'string' },
    async (_request: unknown, body: unknown) => body,
  )
  await app.listen({ host: '127.0.0.1', port: 0 })
  return { app, port: (app.server.address() as AddressInfo).port }
}

async function* piecesOf({ id, ballast }: SoakedTenant): AsyncGenerator<string> {
  yield `${id}\n`
  for (let piece = 0; piece < 10; piece += 1) {
    await wait(3)
    yield `${ballast.length} `.repeat(500)
  }
}
