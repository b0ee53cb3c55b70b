import { hostname } from 'node:os'
import {
  databaseUrl,
  explainStart,
  host,
  type LogLevel,
  logLevel,
  port,
  readEnvironment,
  redisUrl,
  text,
} from '@tenantry/app-support'
import { Authority, openDatabase } from '@tenantry/authority'
import { MemoryTokenStore } from '@tenantry/core'
import { RedisHeartbeats, RedisTokenStore } from '@tenantry/redis'
import closeWithGrace from 'close-with-grace'
import Fastify from 'fastify'
import { MAX_SLOW_MS, sampleServer, serverOptions } from './app.ts'
import { AuthorityTenants } from './authority-tenants.ts'
import type { TenantSource } from './tenant-source.ts'
import { SAMPLE_TENANTS_FILE, TenantsFile, TenantsFileError } from './tenants-file.ts'

interface ServerEnvironment {
  HOST: string
  PORT: number
  REDIS_URL: string | undefined
  DATABASE_URL: string | undefined
  TENANTS_FILE: string
  REPLICA_ID: string
  LOG_LEVEL: LogLevel
}

/** How long requests under way are given when the process is asked to end, in milliseconds. */
const GRACE_MS = MAX_SLOW_MS + 5000

async function start(): Promise<void> {
  const { HOST, PORT, REDIS_URL, DATABASE_URL, TENANTS_FILE, REPLICA_ID, LOG_LEVEL } =
    readEnvironment<ServerEnvironment>(process.env, {
      HOST: host,
      PORT: port(3000),
      REDIS_URL: redisUrl,
      DATABASE_URL: databaseUrl,
      TENANTS_FILE: text('a path', /./, SAMPLE_TENANTS_FILE),
      REPLICA_ID: text(
        '1 to 128 printable ASCII characters without spaces',
        /^[\x21-\x7e]{1,128}$/,
        replicaId(),
      ),
      LOG_LEVEL: logLevel('info'),
    })
  const tenants =
    DATABASE_URL === undefined ? await openFile(TENANTS_FILE) : await openAuthority(DATABASE_URL)

  const app = Fastify({ ...serverOptions, logger: { level: LOG_LEVEL } })
  closeWithGrace({ delay: GRACE_MS, logger: app.log }, async ({ signal, err }) => {
    if (err) app.log.fatal({ err }, 'the process ends')
    else app.log.info({ signal }, 'closing')
    await app.close()
    // Last: builds that end with the app may still be asking.
    await tenants.close?.()
  })
  await app.register(sampleServer, {
    tokens: REDIS_URL === undefined ? new MemoryTokenStore() : () => new RedisTokenStore(REDIS_URL),
    tenants,
    ...(REDIS_URL !== undefined && { heartbeats: () => new RedisHeartbeats(REDIS_URL) }),
    replica: REPLICA_ID,
  })
  if (DATABASE_URL !== undefined && REDIS_URL === undefined) {
    app.log.warn('REDIS_URL is not set: restarts by the tenant manager do not reach this replica')
  }
  await app.listen({ host: HOST, port: PORT })
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

/** Host name and pid. A host name may hold what a header may not. */
function replicaId(): string {
  return `${hostname()}-${process.pid}`.replace(/[^\x21-\x7e]/g, '-')
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
