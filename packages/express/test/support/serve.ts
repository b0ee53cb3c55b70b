import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestTenant } from '@tenantry/adapter-suite'
import { ACME, TENANTS } from '@tenantry/adapter-suite'
import { MemoryTokenStore, TenantLifecycle } from '@tenantry/core'
import { type Answer, ask } from '@tenantry/testing'
import type { Application } from 'express'
import type { Test } from 'tap'
import { type Log, type TenantMiddleware, type TenantryOptions, tenantry } from '../../src/index.ts'
import type { EXPRESSES } from './expresses.ts'

export type Express = (typeof EXPRESSES)['Express 5']

/** The middleware of a test, and what it has built. */
export interface Opened {
  readonly tenants: TenantMiddleware<unknown>
  readonly lifecycle: TenantLifecycle
  /** Every generation of every tenant, oldest first. */
  readonly built: readonly TestTenant[]
}

/** For tests that do not look at the log. */
export const silent: Log = { info() {}, warn() {}, error() {} }

/** Opens tenants on a wall in this process, and closes them with the test. */
export function open(t: Test, options: Partial<TenantryOptions<unknown>> = {}): Opened {
  const tokens = new MemoryTokenStore()
  const built: TestTenant[] = []
  const tenants = tenantry<unknown>({
    tokens,
    load: (id) => (TENANTS.has(id) ? { id } : undefined),
    create: (_config, { id }) => {
      const tenant = { id, generation: built.length, disposals: 0 }
      built.push(tenant)
      return tenant
    },
    dispose: (tenant) => {
      ;(tenant as TestTenant).disposals += 1
    },
    logger: silent,
    ...options,
  })
  t.teardown(() => tenants.close())
  return { tenants, lifecycle: new TenantLifecycle(tokens), built }
}

/** Lets a server listen on a free port, and ends it with the test. */
export async function listen(t: Test, listener: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { server, port: (server.address() as AddressInfo).port }
}

export interface Served extends Opened {
  readonly app: Application
  readonly server: Server
  readonly port: number
  get(path: string, host?: string, headers?: Record<string, string>): Promise<Answer>
}

export interface ServeOptions {
  readonly tenants?: Partial<TenantryOptions<unknown>>
  /** Adds all that there is to the app, the tenants too. @default the tenants, and the route below */
  readonly routes?: (app: Application, tenants: Opened['tenants']) => void
}

/** Starts an app, and ends it with the test. `GET /generation` answers with the tenant's generation. */
export async function serve(
  t: Test,
  express: Express,
  { tenants, routes }: ServeOptions = {},
): Promise<Served> {
  const opened = open(t, tenants)
  const app = express()
  // Otherwise Express writes errors to the console.
  app.set('env', 'test')
  if (routes === undefined) app.use(opened.tenants)
  routes?.(app, opened.tenants)
  app.get('/generation', (req, res) => res.json(req.tenant.generation))
  const { server, port } = await listen(t, app)
  return {
    ...opened,
    app,
    server,
    port,
    get: (path, host = ACME, headers = {}) => ask(port, path, { headers: { host, ...headers } }),
  }
}
