import { hostname } from 'node:os'
import {
  databaseUrl,
  host,
  type LogLevel,
  logLevel,
  port,
  readEnvironment,
  redisUrl,
  text,
  type Variable,
} from '@tenantry/app-support'
import { SAMPLE_TENANTS_FILE } from './tenants-file.ts'

/** What the process is told by its environment. */
export interface ServerEnvironment {
  HOST: string
  PORT: number
  ADMIN_HOST: string
  /** Undefined: there is no admin server. */
  ADMIN_PORT: number | undefined
  REDIS_URL: string | undefined
  DATABASE_URL: string | undefined
  TENANTS_FILE: string
  REPLICA_ID: string
  /** Undefined: every request is checked. */
  CHECK_MAX_AGE_MS: number | undefined
  NOTICE_MS: number
  LOG_LEVEL: LogLevel
}

/** As long as a tenant is served while the store is silent: the pool takes nothing above it. */
const MAX_CHECK_AGE_MS = 300_000

/** Longer than any load balancer should need to see that a replica is leaving. */
const MAX_NOTICE_MS = 60_000

/** @throws EnvironmentError */
export function readServerEnvironment(environment: NodeJS.ProcessEnv): ServerEnvironment {
  return readEnvironment<ServerEnvironment>(environment, {
    HOST: host,
    PORT: port(3000),
    ADMIN_HOST: host,
    ADMIN_PORT: optional(port(0)),
    REDIS_URL: redisUrl,
    DATABASE_URL: databaseUrl,
    TENANTS_FILE: text('a path', /./, SAMPLE_TENANTS_FILE),
    REPLICA_ID: text(
      '1 to 128 printable ASCII characters without spaces',
      /^[\x21-\x7e]{1,128}$/,
      replicaId(),
    ),
    CHECK_MAX_AGE_MS: optional(milliseconds([1, MAX_CHECK_AGE_MS], 1)),
    NOTICE_MS: milliseconds([0, MAX_NOTICE_MS], 5000),
    LOG_LEVEL: logLevel('info'),
  })
}

function optional<Value>(variable: Variable<Value>): Variable<Value | undefined> {
  return { ...variable, fallback: undefined }
}

function milliseconds([least, most]: readonly [number, number], fallback: number): Variable<number> {
  return {
    expected: `milliseconds, an integer from ${least} to ${most}`,
    fallback,
    parse(text) {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
      return value >= least && value <= most ? value : undefined
    },
  }
}

/** Host name and pid. A host name may hold what a header may not. */
function replicaId(): string {
  return `${hostname()}-${process.pid}`.replace(/[^\x21-\x7e]/g, '-')
}
