import { fileURLToPath } from 'node:url'
import { freePort, type StartedProcess, startProcess } from '@tenantry/testing'
import type { Test } from 'tap'

const SERVER = fileURLToPath(new URL('../../dist/server.js', import.meta.url))

type Environment = Record<string, string | undefined>

/** Nothing of the environment that the tests run in. */
const UNSET: Environment = {
  HOST: undefined,
  PORT: undefined,
  ADMIN_HOST: undefined,
  ADMIN_PORT: undefined,
  REDIS_URL: undefined,
  DATABASE_URL: undefined,
  TENANTS_FILE: undefined,
  REPLICA_ID: undefined,
  CHECK_MAX_AGE_MS: undefined,
  // There is nobody to be told that a server leaves, unless a test says so.
  NOTICE_MS: '0',
  LOG_LEVEL: undefined,
}

/** Several start at once, on machines with few cores. */
const TIMEOUT_MS = 60_000

/** Runs the sample server as a process of its own, on a free port. */
export async function startServer(
  t: Test,
  environment: Environment = {},
): Promise<StartedProcess & { port: number }> {
  const port = await freePort()
  const server = await startProcess(process.execPath, [SERVER], {
    env: { ...UNSET, PORT: `${port}`, ...environment },
    until: /Server listening/,
    timeoutMs: TIMEOUT_MS,
  })
  t.teardown(() => server.stop('SIGKILL'))
  return { ...server, port }
}

/** The port that a server with `ADMIN_PORT: '0'` was given. */
export function adminPortOf({ lines }: StartedProcess): number {
  const line = lines.find((line) => line.includes('Metrics at '))
  return Number(/Metrics at http:\/\/127\.0\.0\.1:(\d+)\/metrics/.exec(line ?? '')?.[1])
}

/** Runs a server that is expected to end by itself; resolves to its exit code and its output. */
export async function runToEnd(
  t: Test,
  environment: Environment,
): Promise<{ code: number | null; output: string }> {
  const server = await startProcess(process.execPath, [SERVER], { env: { ...UNSET, ...environment } })
  t.teardown(() => server.stop('SIGKILL'))
  return { code: await server.exit, output: server.lines.join('\n') }
}
