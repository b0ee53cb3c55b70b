import { setTimeout as wait } from 'node:timers/promises'
import { EnvironmentError, explainStart } from '@tenantry/app-support'
import { Authority, openDatabase } from '@tenantry/authority'
import { MemoryTokenStore } from '@tenantry/core'
import { RedisHeartbeats, RedisTokenStore } from '@tenantry/redis'
import closeWithGrace from 'close-with-grace'
import Fastify, { type FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { createAdminServer } from './admin.ts'
import { MAX_SLOW_MS, sampleServer, serverOptions } from './app.ts'
import { AuthorityTenants } from './authority-tenants.ts'
import { countReads } from './count-reads.ts'
import { readServerEnvironment } from './environment.ts'
import { measurePool } from './metrics.ts'
import type { TenantSource } from './tenant-source.ts'
import { TenantsFile, TenantsFileError } from './tenants-file.ts'

/** How long requests under way are given when the process is asked to end, after its notice, in milliseconds. */
const GRACE_MS = MAX_SLOW_MS + 5000

async function start(): Promise<void> {
  const { HOST, PORT, ADMIN_HOST, ADMIN_PORT, ...environment } = readServerEnvironment(process.env)
  const { REDIS_URL, DATABASE_URL, TENANTS_FILE, REPLICA_ID, CHECK_MAX_AGE_MS, NOTICE_MS } = environment
  const tenants =
    DATABASE_URL === undefined ? await openFile(TENANTS_FILE) : await openAuthority(DATABASE_URL)
  const registry = new Registry()
  const leaving = new AbortController()

  const app = Fastify({ ...serverOptions, logger: { level: environment.LOG_LEVEL } })
  const admin = createAdminServer({ registry, leaving: leaving.signal, log: app.log })
  closeWithGrace({ delay: NOTICE_MS + GRACE_MS, logger: app.log }, async ({ signal, err }) => {
    if (err) app.log.fatal({ err }, 'the process ends')
    else app.log.info({ signal }, 'closing')
    leaving.abort()
    // By this signal orchestrators end a replica that others give requests to: they need a moment to see that it leaves.
    // Whoever presses Ctrl-C waits for the end, and nobody else is to be told.
    if (signal === 'SIGTERM') await wait(NOTICE_MS)
    await app.close()
    // Last: builds that end with the app may still be asking, and operators look until the end.
    await tenants.close?.()
    await admin.close()
  })
  await app.register(sampleServer, {
    tokens: REDIS_URL === undefined ? new MemoryTokenStore() : () => new RedisTokenStore(REDIS_URL),
    tenants: countReads(tenants, registry),
    ...(REDIS_URL !== undefined && { heartbeats: () => new RedisHeartbeats(REDIS_URL) }),
    ...(CHECK_MAX_AGE_MS !== undefined && { check: { maxAgeMs: CHECK_MAX_AGE_MS } }),
    replica: REPLICA_ID,
    leaving: leaving.signal,
  })
  if (DATABASE_URL !== undefined && REDIS_URL === undefined) {
    app.log.warn('REDIS_URL is not set: restarts by the tenant manager do not reach this replica')
  }
  await app.ready()
  if (ADMIN_PORT !== undefined) {
    measurePool(app.tenants, registry)
    tellReplica(REPLICA_ID, registry)
    collectDefaultMetrics({ register: registry })
    // First: whoever finds this replica serving can read its metrics.
    await listenForAdmin(admin, ADMIN_HOST, ADMIN_PORT)
  }
  await app.listen({ host: HOST, port: PORT })
}

/** Whose metrics these are, by the name that its answers bear: behind one address there may be many. */
function tellReplica(replica: string, registry: Registry): void {
  const name = 'sample_replica_info'
  const help = 'What the replica calls itself, as x-tenantry-replica does. Always 1.'
  new Gauge({ name, help, labelNames: ['replica'], registers: [registry] }).set({ replica }, 1)
}

async function listenForAdmin(admin: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await admin.listen({ host, port, listenTextResolver: (address) => `Metrics at ${address}/metrics` })
  } catch (cause) {
    throw new EnvironmentError(`ADMIN_HOST, ADMIN_PORT: ${(cause as Error).message}`, { cause })
  }
}

/** Asked for once here, so that a broken file is said at the start and not to the first visitor. */
async function openFile(path: string): Promise<TenantSource> {
  const tenants = new TenantsFile(path)
  await tenants.all()
  return tenants
}

/** Not asked here: replicas start while the database is down, and serve what they can once it is back. */
async function openAuthority(url: string): Promise<TenantSource> {
  return new AuthorityTenants(new Authority(await openDatabase(url)))
}

/** What this server adds to what every one has to explain. */
function explain(error: unknown): unknown {
  if (error instanceof TenantsFileError) return `TENANTS_FILE: ${error.message}`
  return explainStart(error)
}

try {
  await start()
} catch (error) {
  console.error(explain(error))
  process.exit(1)
}
