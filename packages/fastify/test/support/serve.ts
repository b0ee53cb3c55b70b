import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ACME, TENANTS, type TestTenant } from '@tenantry/adapter-suite'
import { MemoryTokenStore, TenantLifecycle } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import { type FastifyHttpOptions, type FastifyInstance, fastify } from 'fastify'
import type { Test } from 'tap'
import { type TenantryOptions, tenantry } from '../../src/index.ts'

declare module '@tenantry/fastify' {
  interface TenantryTypes {
    tenant: TestTenant
  }
}

export interface Served {
  readonly app: FastifyInstance
  readonly pool: FastifyInstance['tenants']
  readonly port: number
  readonly tokens: MemoryTokenStore
  readonly lifecycle: TenantLifecycle
  /** Every generation of every tenant, oldest first. */
  readonly built: readonly TestTenant[]
  /** Restarts a tenant, and lets a request take the restart up, so that the generation before drains. */
  restart(id?: string): Promise<void>
  /** Waits until no lease is held, nor any tenant left to drain. */
  drained(): Promise<void>
}

export interface ServeOptions {
  readonly fastify?: FastifyHttpOptions<Server> | { http2: true }
  readonly plugin?: Partial<TenantryOptions>
  /** Adds routes and hooks, after the plugin. */
  readonly routes?: (app: FastifyInstance) => void
  /** Adds hooks before the plugin. */
  readonly before?: (app: FastifyInstance) => void
}

/** Starts an app on a free port, and ends it with the test. `GET /generation` answers with the tenant's generation. */
export async function serve(t: Test, options: ServeOptions = {}): Promise<Served> {
  const tokens = new MemoryTokenStore()
  const lifecycle = new TenantLifecycle(tokens)
  const built: TestTenant[] = []
  const app: FastifyInstance = fastify(options.fastify as FastifyHttpOptions<Server>)
  t.teardown(() => app.close())
  options.before?.(app)
  await app.register(tenantry, {
    tokens,
    load: (id) => (TENANTS.has(id) ? id : undefined),
    create: (id: string) => {
      const tenant = { id, generation: built.length, disposals: 0 }
      built.push(tenant)
      return tenant
    },
    dispose: (tenant) => {
      tenant.disposals += 1
    },
    ...options.plugin,
  })
  app.get('/generation', async ({ tenant }) => String(tenant.generation))
  options.routes?.(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    app,
    pool: app.tenants,
    port: (app.server.address() as AddressInfo).port,
    tokens,
    lifecycle,
    built,
    async restart(id = ACME) {
      await lifecycle.restart(id)
      await app.tenants.use(id, () => {})
    },
    async drained() {
      await eventually(() => {
        const { leases, draining } = app.tenants.stats()
        return leases === 0 && draining === 0
      })
    },
  }
}
