import { readFile } from 'node:fs/promises'
import {
  databaseUrl,
  EnvironmentError,
  explainStart,
  host,
  type LogLevel,
  logLevel,
  port,
  readEnvironment,
  redisUrl,
  type Variable,
} from '@tenantry/app-support'
import { Authority, openDatabase } from '@tenantry/authority'
import { type HeartbeatStore, MemoryHeartbeats, MemoryTokenStore, type TokenStore } from '@tenantry/core'
import { RedisHeartbeats, RedisTokenStore } from '@tenantry/redis'
import closeWithGrace from 'close-with-grace'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import { serverOptions, tenantManager } from './app.ts'
import { ConfigSchemaError } from './config-schema.ts'
import { isLoopbackHost } from './loopback.ts'
import { siteUrl } from './site-url.ts'

interface ServerEnvironment {
  HOST: string
  PORT: number
  REDIS_URL: string | undefined
  DATABASE_URL: string | undefined
  MANAGER_API_KEY: string | undefined
  CONFIG_SCHEMA_FILE: string | undefined
  SITE_URL: string | undefined
  LOG_LEVEL: LogLevel
}

/** How long requests under way are given when the process is asked to end, in milliseconds. */
const GRACE_MS = 10_000

/** A key that nobody guesses at a few thousand tries a minute. */
const GOOD_KEY_LENGTH = 20

const anyText: Variable<string | undefined> = {
  expected: 'a text',
  fallback: undefined,
  parse: (value) => value,
}

async function start(): Promise<void> {
  const environment = readEnvironment<ServerEnvironment>(process.env, {
    HOST: host,
    PORT: port(4000),
    REDIS_URL: redisUrl,
    DATABASE_URL: databaseUrl,
    MANAGER_API_KEY: anyText,
    CONFIG_SCHEMA_FILE: anyText,
    SITE_URL: siteUrl,
    LOG_LEVEL: logLevel('info'),
  })
  const { HOST, PORT, REDIS_URL, DATABASE_URL, MANAGER_API_KEY } = environment
  await checkKey(MANAGER_API_KEY, HOST)
  const configSchema = await readConfigSchema(environment.CONFIG_SCHEMA_FILE)

  const app = Fastify({ ...serverOptions, logger: { level: environment.LOG_LEVEL } })
  const closing: (() => Promise<void> | void)[] = [() => app.close()]
  async function closeAll(): Promise<void> {
    for (const close of closing) await close()
  }
  closeWithGrace({ delay: GRACE_MS, logger: app.log }, async ({ signal, err }) => {
    if (err) app.log.fatal({ err }, 'the process ends')
    else app.log.info({ signal }, 'closing')
    await closeAll()
  })
  const tokens: TokenStore = REDIS_URL === undefined ? new MemoryTokenStore() : new RedisTokenStore(REDIS_URL)
  const heartbeats: HeartbeatStore =
    REDIS_URL === undefined ? new MemoryHeartbeats() : new RedisHeartbeats(REDIS_URL)
  const authority = new Authority(await openDatabase(DATABASE_URL))
  closing.push(
    () => tokens.close?.(),
    () => heartbeats.close?.(),
    () => authority.close(),
  )
  try {
    await authority.migrate()
    await app.register(tenantManager, {
      authority,
      tokens,
      heartbeats,
      apiKey: MANAGER_API_KEY,
      configSchema,
      siteUrl: environment.SITE_URL,
    })
    giveAdvice(app.log, environment)
    await app.listen({ host: HOST, port: PORT })
  } catch (error) {
    await closeAll()
    throw error
  }
}

/** The key itself is in no message: these end in logs. */
async function checkKey(key: string | undefined, host: string): Promise<void> {
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    throw new EnvironmentError('MANAGER_API_KEY: expected printable ASCII characters without spaces')
  }
  if (key !== undefined || (await isLoopbackHost(host))) return
  throw new EnvironmentError(
    `HOST: ${JSON.stringify(host)} can be reached from other machines, and MANAGER_API_KEY is not set: whoever ` +
      'comes by could restart tenants. Set MANAGER_API_KEY (openssl rand -base64 32), or HOST to 127.0.0.1.',
  )
}

async function readConfigSchema(path: string | undefined): Promise<object | undefined> {
  if (path === undefined) return undefined
  try {
    const schema: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) return schema
  } catch (cause) {
    throw new EnvironmentError(`CONFIG_SCHEMA_FILE: ${(cause as Error).message}`, { cause })
  }
  throw new EnvironmentError(`CONFIG_SCHEMA_FILE: ${path} does not hold a JSON object`)
}

function giveAdvice(log: FastifyBaseLogger, environment: ServerEnvironment): void {
  const { REDIS_URL, DATABASE_URL, MANAGER_API_KEY } = environment
  if (DATABASE_URL === undefined)
    log.warn('DATABASE_URL is not set: tenants are kept in memory, and end with this')
  if (REDIS_URL === undefined)
    log.warn('REDIS_URL is not set: tokens are kept in memory, where no replica sees them')
  if (MANAGER_API_KEY !== undefined && MANAGER_API_KEY.length < GOOD_KEY_LENGTH) {
    log.warn(`MANAGER_API_KEY is short: expected at least ${GOOD_KEY_LENGTH} random characters`)
  }
}

/** What this server adds to what every one has to explain. */
function explain(error: unknown): unknown {
  if (error instanceof ConfigSchemaError) return `CONFIG_SCHEMA_FILE: ${error.message}`
  const { code, message, cause } = error as NodeJS.ErrnoException
  if (code === 'TENANTRY_ERR_AUTHORITY_UNREACHABLE') {
    return `DATABASE_URL: ${message}${cause instanceof Error ? `: ${cause.message}` : ''}`
  }
  return explainStart(error)
}

try {
  await start()
} catch (error) {
  console.error(explain(error))
  process.exit(1)
}
