import { MemoryTokenStore, TenantLifecycle } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import type { Test } from 'tap'
import type { Adapter, Served, ServeOptions } from './adapter.ts'
import type { TestTenant } from './visit.ts'
import { Work } from './work.ts'

/** The tenant of most tests: the name that requests are for. */
export const ACME = 'acme.test'

/** The ids of the tenants that exist. */
export const TENANTS: ReadonlySet<string> = new Set([ACME, 'other.test', 'xn--bcher-kva.test'])

/** Headers of a request for the tenant. */
export const HOST: string = `Host: ${ACME}`

/** The same; then the connection is to be closed. */
export const ONCE: string = `${HOST}\r\nConnection: close`

/**
 * `drainTimeoutMs` where a lease is to end with it: long enough for all that a test does meanwhile, on a busy machine.
 */
export const LIMIT_MS = 3000

/** A server with tenants on a wall of its own, in this process. */
export interface Scene {
  readonly pool: Served['pool']
  readonly port: number
  readonly lifecycle: TenantLifecycle
  /** Every generation of every tenant, oldest first. */
  readonly built: readonly TestTenant[]
  /** Restarts a tenant, and lets a request take the restart up, so that the generation before drains. */
  restart(id?: string): Promise<void>
  /** Waits until no lease is held, nor any tenant left to drain. */
  drained(): Promise<void>
  close(): Promise<void>
}

export interface SceneOptions extends Omit<ServeOptions, 'tenants'> {
  readonly tenants?: Partial<ServeOptions['tenants']>
}

/** Starts a server, and ends it with the test. `GET /generation` answers with the tenant's generation. */
export async function openScene(t: Test, adapter: Adapter, options: SceneOptions = {}): Promise<Scene> {
  const tokens = new MemoryTokenStore()
  const built: TestTenant[] = []
  const served = await adapter.serve({
    ...options,
    tenants: {
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
      ...options.tenants,
    },
    routes: { '/generation': ({ tenant }) => String(tenant.generation), ...options.routes },
  })
  t.teardown(() => served.close())
  const { pool, port } = served
  const lifecycle = new TenantLifecycle(tokens)
  return {
    pool,
    port,
    lifecycle,
    built,
    async restart(id = ACME) {
      await lifecycle.restart(id)
      await pool.use(id, () => {})
    },
    async drained() {
      await eventually(
        () => {
          const { leases, draining } = pool.stats()
          return leases === 0 && draining === 0
        },
        { timeoutMs: 15_000 },
      )
    },
    close: () => served.close(),
  }
}

/** A scene in which handlers work as long as the test wants: at `/works`, and in all the adapter's ways. */
export interface WorkScene extends Scene {
  readonly work: Work
}

export async function openWorkScene(
  t: Test,
  adapter: Adapter,
  options: SceneOptions = {},
): Promise<WorkScene> {
  const { work = new Work(), routes } = options
  const works: ServeOptions['routes'] = {
    async '/works'(visit) {
      await work.do(visit)
      work.use(visit, 'at the end of its work')
      return 'done'
    },
  }
  const scene = await openScene(t, adapter, { ...options, work, routes: { ...works, ...routes } })
  return { ...scene, work }
}
