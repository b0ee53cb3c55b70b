import type { AddressInfo } from 'node:net'
import type { LogLevel } from '@tenantry/app-support'
import {
  AuthorityTenants,
  CONFIG_SCHEMA,
  sampleServer,
  serverOptions,
  type Tenant,
} from '@tenantry/sample-server'
import {
  type DemoControls,
  serverOptions as managerServerOptions,
  tenantManager,
} from '@tenantry/tenant-manager'
import Fastify, { type FastifyInstance } from 'fastify'
import { Replicas } from './replicas.ts'
import { seed } from './seed.ts'
import { openShared, type SharedOptions } from './shared.ts'
import { Traffic } from './traffic.ts'

export interface DemoOptions extends SharedOptions {
  /** What the authority is given if it has no tenants. */
  sampleTenants: readonly Tenant[]
  /** One replica for each; 0: any port that is free. @default [3001, 3002, 3003] */
  replicaPorts?: readonly number[]
  /** @default 4000 */
  managerPort?: number
  /** @default 'warn' */
  logLevel?: LogLevel
}

export interface Demo {
  readonly managerPort: number
  /** What the page switches: replicas and traffic. */
  readonly controls: DemoControls
  /** A tenant that has a site, if there is one. */
  readonly example: { readonly id: string; readonly hostname: string } | undefined
  /** Resolves when all requests under way are answered and everything is closed. */
  close(): Promise<void>
}

/** Every server of the demo is for this machine only. */
const HOST = '127.0.0.1'

/** Of how many tenants the traffic asks. */
const TRAFFIC_TENANTS = 100

/**
 * Starts replicas of the sample server and a tenant manager, in this process.
 *
 * @throws when a server cannot listen, or the database cannot be opened; nothing is left open then
 */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { replicaPorts = [3001, 3002, 3003], managerPort = 4000, logLevel: level = 'warn' } = options
  const shared = await openShared(options)
  const { authority, tokens, heartbeats } = shared
  const traffic = new Traffic({ host: HOST, readHostnames })
  const replicas = new Replicas({
    host: HOST,
    firstPort: replicaPorts[0] ?? 0,
    create: createReplica,
    onAdded: ({ port }) => traffic.addTarget(port),
    onRemoving: ({ port }) => traffic.removeTarget(port),
  })
  const controls: DemoControls = {
    state: () => ({
      replicas: replicas.list(),
      traffic: traffic.isOn,
      served: traffic.served,
      failed: traffic.failed,
    }),
    addReplica: async () => (await replicas.add()).name,
    removeReplica: (name) => replicas.remove(name),
    setTraffic: (on) => traffic.switch(on),
  }
  const manager = Fastify({ ...managerServerOptions, logger: { level, base: { replica: 'manager' } } })

  try {
    await seed(authority, tokens, options.sampleTenants)
    for (const port of replicaPorts) await replicas.add(port)
    await manager.register(tenantManager, {
      authority,
      tokens,
      heartbeats,
      configSchema: CONFIG_SCHEMA,
      demo: controls,
    })
    await manager.listen({ host: HOST, port: managerPort })
    traffic.switch(true)
    return {
      managerPort: (manager.server.address() as AddressInfo).port,
      controls,
      example: await findExample(),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }

  async function createReplica(replica: string): Promise<FastifyInstance> {
    const app = Fastify({ ...serverOptions, logger: { level, base: { replica } } })
    await app.register(sampleServer, {
      tokens: shared.replicaTokens,
      heartbeats: shared.replicaHeartbeats,
      tenants: new AuthorityTenants(authority),
      replica,
    })
    return app
  }

  async function readHostnames(): Promise<string[]> {
    const { tenants } = await authority.listTenants({ limit: TRAFFIC_TENANTS })
    return tenants.flatMap(({ hostnames }) => hostnames.slice(0, 1))
  }

  async function findExample(): Promise<Demo['example']> {
    const { tenants } = await authority.listTenants({ limit: TRAFFIC_TENANTS })
    // An id may hold anything: this one is going to be printed, and to be an argument.
    const tenant = tenants.find(
      ({ id, hostnames }) => hostnames.length > 0 && /^[^\p{Cc}-]\P{Cc}*$/u.test(id),
    )
    return tenant && { id: tenant.id, hostname: tenant.hostnames[0] as string }
  }

  async function close(): Promise<void> {
    traffic.switch(false)
    await Promise.all([manager.close(), replicas.close()])
    // Last: the others ask it to their end.
    await shared.close()
  }
}
