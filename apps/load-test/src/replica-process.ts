import { onFreePort } from '@tenantry/testing'
import { startServer } from './server-process.ts'

export interface ReplicaOptions {
  /** What it calls itself. */
  readonly name: string
  readonly redisUrl: string
  readonly databaseUrl: string
  /** How old a check may be, in milliseconds; 0: every request is checked. */
  readonly maxAgeMs: number
}

/** A sample server, as a process of its own. */
export interface ReplicaProcess {
  readonly name: string
  readonly origin: string
  readonly port: number
  readonly adminUrl: string
  /**
   * Asks it to end: it answers what it was asked.
   *
   * @throws when it ends otherwise than with 0
   */
  end(): Promise<void>
  kill(): Promise<void>
}

/** @throws when it does not come up; the message holds its output */
export async function startReplica(options: ReplicaOptions): Promise<ReplicaProcess> {
  const { name, redisUrl, databaseUrl, maxAgeMs } = options
  const [adminPort, server] = await onFreePort((port) =>
    startServer('sample-server', {
      REDIS_URL: redisUrl,
      DATABASE_URL: databaseUrl,
      REPLICA_ID: name,
      ADMIN_PORT: `${port}`,
      ...(maxAgeMs > 0 && { CHECK_MAX_AGE_MS: `${maxAgeMs}` }),
    }),
  )
  return {
    name,
    origin: `http://127.0.0.1:${server.port}`,
    port: server.port,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    async end() {
      // No time limit but its own: it goes on answering until every balancer must have seen that it leaves.
      server.child.kill('SIGTERM')
      const code = await server.exit
      if (code === 0) return
      throw new Error([`${name} ended with ${code ?? 'SIGKILL'}, not with 0`, ...server.lines].join('\n  '))
    },
    async kill() {
      await server.stop('SIGKILL')
    },
  }
}
