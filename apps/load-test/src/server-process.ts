import { fileURLToPath } from 'node:url'
import { ask, onFreePort, type StartedProcess, startProcess } from '@tenantry/testing'
import { untilUp } from './until-up.ts'

/** A server of this workspace, as a process of its own that listens on 127.0.0.1. */
export interface ServerProcess extends StartedProcess {
  readonly port: number
}

export type Environment = Readonly<Record<string, string | undefined>>

/** What the servers read: nothing that is set where the load test is run may change what is measured. */
const UNSET: Environment = {
  HOST: undefined,
  PORT: undefined,
  ADMIN_HOST: undefined,
  ADMIN_PORT: undefined,
  REDIS_URL: undefined,
  DATABASE_URL: undefined,
  TENANTS_FILE: undefined,
  CONFIG_SCHEMA_FILE: undefined,
  MANAGER_API_KEY: undefined,
  SITE_URL: undefined,
  REPLICA_ID: undefined,
  CHECK_MAX_AGE_MS: undefined,
  NOTICE_MS: undefined,
  NODE_OPTIONS: undefined,
}

/**
 * Starts `apps/<app>/dist/server.js` on a free port, and waits until it answers.
 *
 * @throws when it does not come up; the message holds its output
 */
export async function startServer(
  app: 'sample-server' | 'tenant-manager',
  environment: Environment,
): Promise<ServerProcess> {
  const script = fileURLToPath(new URL(`../../${app}/dist/server.js`, import.meta.url))
  const [port, server] = await onFreePort(async (port) => {
    const started = await startProcess(process.execPath, [script], {
      // A line for each request would be a good part of what is measured.
      env: { ...UNSET, NODE_ENV: 'production', LOG_LEVEL: 'warn', ...environment, PORT: `${port}` },
    })
    await untilUp(started, async () => (await ask(port, '/healthz')).status === 200)
    return started
  })
  return { ...server, port }
}
