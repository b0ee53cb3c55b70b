import { Agent, get as httpGet } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { TenantPoolStats } from '@tenantry/core'
import { startProcess } from '@tenantry/testing'
import type { Test } from 'tap'

/** What a replica answers for a tenant. */
export interface Seen {
  readonly id: string
  readonly version: number
  readonly token: string
  readonly builtAt: string
}

export interface Reply {
  readonly statusCode: number
  readonly body: string
  /** How long it took, in milliseconds. */
  readonly ms: number
}

export interface ReplicaProcess {
  readonly port: number
  /** Asks for a tenant. */
  get(host: string): Promise<Reply>
  /** Asks for a tenant, which must be served. */
  see(host: string): Promise<Seen>
  inside(): Promise<TenantPoolStats & { loads: number; mostLoads: number }>
  /** The bytes of the heap that are in use when all garbage is gone. */
  heapUsed(): Promise<number>
  /** How often it has logged a line of these words. */
  logged(message: string): number
}

export interface ReplicaSettings {
  readonly script: URL
  /** The URL of the token store. */
  readonly tokens: string
  /** The file that the tenants are in. */
  readonly configuration: string
}

const keepAlive = new Agent({ keepAlive: true })

/** What a replica says when it is up. */
const UP = /"msg":"listening","port":(\d+)/

/** Starts a replica as a process of its own. */
export async function startReplica(
  t: Test,
  { script, tokens, configuration }: ReplicaSettings,
): Promise<ReplicaProcess> {
  const replica = await startProcess(process.execPath, ['--expose-gc', fileURLToPath(script)], {
    env: { TOKENS: tokens, CONFIGURATION: configuration },
    until: UP,
    timeoutMs: 30_000,
  })
  t.teardown(async () => {
    if ((await replica.stop()) !== 0)
      throw new Error(`A replica did not end well:\n${replica.lines.join('\n')}`)
  })
  const port = Number(UP.exec(replica.lines.join('\n'))?.[1])

  async function ask(path: string, host: string): Promise<Reply> {
    const since = performance.now()
    return new Promise((resolve, reject) => {
      httpGet({ host: '127.0.0.1', port, path, agent: keepAlive, headers: { host } }, (response) => {
        text(response).then(
          (body) => resolve({ statusCode: Number(response.statusCode), body, ms: performance.now() - since }),
          reject,
        )
      }).on('error', reject)
    })
  }

  return {
    port,
    get: (host) => ask('/', host),
    async see(host) {
      const { statusCode, body } = await ask('/', host)
      if (statusCode !== 200) throw new Error(body)
      return JSON.parse(body)
    },
    inside: async () => JSON.parse((await ask('/inside', '')).body),
    heapUsed: async () => Number((await ask('/heap', '')).body),
    logged: (message) => replica.lines.filter((line) => line.includes(`"msg":"${message}`)).length,
  }
}
