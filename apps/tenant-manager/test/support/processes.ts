import { fileURLToPath } from 'node:url'
import {
  type Answer,
  ask,
  eventually,
  freePort,
  type PostgresServer,
  type RedisServer,
  type StartedProcess,
  startPostgres,
  startProcess,
  startRedis,
} from '@tenantry/testing'
import type { Test } from 'tap'
import type { Restart } from '../../src/api.ts'
import { type Tell, teller } from './manager.ts'

const MANAGER = fileURLToPath(new URL('../../dist/server.js', import.meta.url))
const REPLICA = fileURLToPath(new URL('../../../sample-server/dist/server.js', import.meta.url))

/** Where tokens, heartbeats and tenants are kept. */
export interface Places {
  readonly redisUrl: string
  readonly databaseUrl: string
}

export type Environment = Record<string, string | undefined>

/** Nothing of the environment that the tests run in. */
const UNSET: Environment = {
  HOST: undefined,
  PORT: undefined,
  ADMIN_PORT: undefined,
  REDIS_URL: undefined,
  DATABASE_URL: undefined,
  MANAGER_API_KEY: undefined,
  CONFIG_SCHEMA_FILE: undefined,
  SITE_URL: undefined,
  TENANTS_FILE: undefined,
  REPLICA_ID: undefined,
  CHECK_MAX_AGE_MS: undefined,
  LOG_LEVEL: undefined,
}

/** Many start at once, on machines with few cores. */
const TIMEOUT_MS = 60_000

export interface Servers {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  /** A database of their own, and an empty Redis. */
  newPlaces(): Promise<Places>
}

/** A Postgres and a Redis for all tests of a file. */
export async function serversFor(t: Test): Promise<Servers> {
  const postgres = await startPostgres()
  const redis = await startRedis()
  t.teardown(async () => {
    await redis.stop()
    await postgres.stop()
  })
  return {
    postgres,
    redis,
    async newPlaces() {
      await redis.cli('flushall')
      return { redisUrl: redis.url, databaseUrl: await postgres.newDatabase() }
    },
  }
}

export interface ManagerProcess extends StartedProcess {
  readonly port: number
  readonly tell: Tell
}

export interface ReplicaProcess extends StartedProcess {
  /** Asks who answers for a host. */
  get(host: string): Promise<Answer>
  /** The tagline of the tenant that answers for a host; the status where none does. */
  tagline(host: string): Promise<string | number>
}

/** Starts a tenant manager, as a process of its own; without places, in memory. */
export async function startManager(
  t: Test,
  places?: Places,
  environment: Environment = {},
): Promise<ManagerProcess> {
  const { server, port } = await start(t, MANAGER, { ...environmentOf(places), ...environment })
  return { ...server, port, tell: teller(port) }
}

/** Starts a sample server, as a process of its own. */
export async function startReplica(t: Test, places: Places, name: string): Promise<ReplicaProcess> {
  const environment = { ...environmentOf(places), REPLICA_ID: name }
  const { server, port } = await start(t, REPLICA, environment)
  const get = (host: string) => ask(port, '/whoami', { headers: { host } })
  async function tagline(host: string): Promise<string | number> {
    const { status, json } = await get(host)
    return status === 200 ? json().tenant.tagline : status
  }
  return { ...server, get, tagline }
}

function environmentOf(places: Places | undefined): Environment {
  return { REDIS_URL: places?.redisUrl, DATABASE_URL: places?.databaseUrl }
}

async function start(
  t: Test,
  script: string,
  environment: Environment,
): Promise<{ server: StartedProcess; port: number }> {
  const port = await freePort()
  const server = await startProcess(process.execPath, [script], {
    env: { ...UNSET, PORT: `${port}`, ...environment },
    until: /Server listening/,
    timeoutMs: TIMEOUT_MS,
  })
  t.teardown(() => server.stop('SIGKILL'))
  return { server, port }
}

/** Runs a manager that is expected to end by itself; resolves to its exit code and its output. */
export async function runToEnd(
  t: Test,
  environment: Environment,
): Promise<{ code: number | null; output: string }> {
  const server = await startProcess(process.execPath, [MANAGER], { env: { ...UNSET, ...environment } })
  t.teardown(() => server.stop('SIGKILL'))
  return { code: await server.exit, output: server.lines.join('\n') }
}

/** Nothing in the history is left unwritten, and the store holds a token of each tenant's last restart. */
export async function allWritten({ tell }: ManagerProcess, redis: RedisServer): Promise<Restart[]> {
  return await eventually(
    async () => {
      const { restarts } = (await tell('GET /api/restarts?limit=1000')).reply as {
        restarts: Restart[]
      }
      const last = new Map<string, Restart>()
      for (const restart of restarts) if (!last.has(restart.key)) last.set(restart.key, restart)
      for (const { key, id } of last.values()) {
        const token = await redis.cli('get', `tenantry:${key}`)
        if (!token.startsWith(`${id}.`)) throw new Error(`${key}: expected ${id}, got ${token}`)
      }
      return restarts.every(({ writtenAt }) => writtenAt !== null) && restarts
    },
    { timeoutMs: 20_000, intervalMs: 50 },
  )
}
