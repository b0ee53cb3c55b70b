import { hostname } from 'node:os'
import { MemoryTokenStore } from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'
import closeWithGrace from 'close-with-grace'
import Fastify from 'fastify'
import { MAX_SLOW_MS, sampleServer, serverOptions } from './app.ts'
import {
  EnvironmentError,
  type LogLevel,
  logLevel,
  port,
  readEnvironment,
  redisUrl,
  text,
} from './environment.ts'
import { SAMPLE_TENANTS_FILE, TenantsFile, TenantsFileError } from './tenants-file.ts'

interface ServerEnvironment {
  HOST: string
  PORT: number
  REDIS_URL: string | undefined
  TENANTS_FILE: string
  REPLICA_ID: string
  LOG_LEVEL: LogLevel
}

/** How long requests under way are given when the process is asked to end, in milliseconds. */
const GRACE_MS = MAX_SLOW_MS + 5000

async function start(): Promise<void> {
  const { HOST, PORT, REDIS_URL, TENANTS_FILE, REPLICA_ID, LOG_LEVEL } = readEnvironment<ServerEnvironment>(
    process.env,
    {
      HOST: text('a host name or an IP address', /^[\w.:-]+$/, '127.0.0.1'),
      PORT: port(3000),
      REDIS_URL: redisUrl,
      TENANTS_FILE: text('a path', /./, SAMPLE_TENANTS_FILE),
      REPLICA_ID: text(
        '1 to 128 printable ASCII characters without spaces',
        /^[\x21-\x7e]{1,128}$/,
        replicaId(),
      ),
      LOG_LEVEL: logLevel('info'),
    },
  )
  const tenants = new TenantsFile(TENANTS_FILE)
  // Asked for once here, so that a broken file is said at the start and not to the first visitor.
  await tenants.all()

  const app = Fastify({ ...serverOptions, logger: { level: LOG_LEVEL } })
  closeWithGrace({ delay: GRACE_MS, logger: app.log }, async ({ signal, err }) => {
    if (err) app.log.fatal({ err }, 'the process ends')
    else app.log.info({ signal }, 'closing')
    await app.close()
  })
  await app.register(sampleServer, {
    tokens: REDIS_URL === undefined ? new MemoryTokenStore() : () => new RedisTokenStore(REDIS_URL),
    tenants,
    replica: REPLICA_ID,
  })
  await app.listen({ host: HOST, port: PORT })
}

/** Host name and pid. A host name may hold what a header may not. */
function replicaId(): string {
  return `${hostname()}-${process.pid}`.replace(/[^\x21-\x7e]/g, '-')
}

/** Mistakes of whoever starts the server are told in a sentence that names the variable, all others with their stack. */
function explain(error: unknown): unknown {
  if (error instanceof EnvironmentError) return error.message
  if (error instanceof TenantsFileError) return `TENANTS_FILE: ${error.message}`
  const { code, syscall, message } = error as NodeJS.ErrnoException
  if (code === 'TENANTRY_ERR_OPTIONS_INVALID') return `REDIS_URL: ${message}`
  return syscall === 'listen' || syscall === 'getaddrinfo' ? `HOST, PORT: ${message}` : error
}

try {
  await start()
} catch (error) {
  console.error(explain(error))
  process.exit(1)
}
