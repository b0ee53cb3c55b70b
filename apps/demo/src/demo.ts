import type { AddressInfo } from 'node:net'
import { MemoryTokenStore, type TokenStore } from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'
import { type LogLevel, sampleServer, serverOptions, TenantsFile } from '@tenantry/sample-server'
import { serverOptions as managerServerOptions, tenantManager } from '@tenantry/tenant-manager'
import Fastify, { type FastifyInstance } from 'fastify'

export interface DemoOptions {
  tenantsFile: string
  /** Where tokens are kept. Unset: in one MemoryTokenStore that all share. */
  redisUrl?: string | undefined
  /** One replica for each; 0: any port that is free. @default [3001, 3002, 3003] */
  replicaPorts?: readonly number[]
  /** @default 4000 */
  managerPort?: number
  /** @default 'warn' */
  logLevel?: LogLevel
}

export interface Demo {
  /** The ports that the replicas listen on. */
  readonly replicaPorts: readonly number[]
  readonly managerPort: number
  /** Resolves when all requests under way are answered and everything is closed. */
  close(): Promise<void>
}

/** Every server of the demo is for this machine only. */
const HOST = '127.0.0.1'

/**
 * Starts replicas of the sample server and a tenant manager, in this process.
 *
 * @throws when a server cannot listen; nothing is left open then
 */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const {
    redisUrl,
    replicaPorts = [3001, 3002, 3003],
    managerPort = 4000,
    logLevel: level = 'warn',
  } = options
  const tenants = new TenantsFile(options.tenantsFile)
  // Through Redis, each has a connection of its own, as if each were a process of its own.
  const newStore = redisUrl === undefined ? undefined : () => new RedisTokenStore(redisUrl)
  const managerStore: TokenStore = newStore?.() ?? new MemoryTokenStore()
  const apps: FastifyInstance[] = []

  try {
    await tenants.all()
    for (const [index, port] of replicaPorts.entries()) {
      const replica = `replica-${index + 1}`
      const app = Fastify({ ...serverOptions, logger: { level, base: { replica } } })
      apps.push(app)
      await app.register(sampleServer, { tokens: newStore ?? managerStore, tenants, replica })
      await app.listen({ host: HOST, port })
    }
    const manager = Fastify({ ...managerServerOptions, logger: { level, base: { replica: 'manager' } } })
    apps.push(manager)
    await manager.register(tenantManager, { tokens: managerStore, tenants: () => tenants.all() })
    await manager.listen({ host: HOST, port: managerPort })
  } catch (error) {
    await close()
    throw error
  }

  const ports = apps.map((app) => (app.server.address() as AddressInfo).port)
  return { replicaPorts: ports.slice(0, -1), managerPort: ports.at(-1) as number, close }

  async function close(): Promise<void> {
    await Promise.all(apps.map((app) => app.close()))
    await managerStore.close?.()
  }
}
