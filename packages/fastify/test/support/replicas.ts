import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { Agent, get as httpGet } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { TenantPoolStats } from '@tenantry/core'
import { startProcess } from '@tenantry/testing'
import type { Test } from 'tap'

const SCRIPT = fileURLToPath(new URL('../fixtures/replica.js', import.meta.url))

const SLOW_LOAD_MS = 60

/** The site configuration authority: a file that is replaced as a whole. */
export class Configuration {
  readonly file: string
  readonly #versions: Map<string, number>

  private constructor(file: string, ids: readonly string[]) {
    this.file = file
    this.#versions = new Map(ids.map((id) => [id, 0]))
  }

  /** The first of the tenants takes its time to be loaded. */
  static async create(t: Test, ids: readonly string[]): Promise<Configuration> {
    const directory = await mkdtemp(join(tmpdir(), 'tenantry-replicas-'))
    t.teardown(() => rm(directory, { recursive: true }))
    const configuration = new Configuration(join(directory, 'tenants.json'), ids)
    await configuration.commit()
    return configuration
  }

  /** Commits the next version of these tenants; returns it. */
  async commit(...ids: string[]): Promise<number> {
    const version = Math.max(...this.#versions.values()) + 1
    for (const id of ids) this.#versions.set(id, version)
    const tenants = Array.from(this.#versions, ([id, version], index) => {
      return [id, { version, loadMs: index === 0 ? SLOW_LOAD_MS : 0 }]
    })
    await writeFile(`${this.file}.new`, JSON.stringify(Object.fromEntries(tenants)))
    await rename(`${this.file}.new`, this.file)
    return version
  }
}

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

export interface Replica {
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

const keepAlive = new Agent({ keepAlive: true })

/** Starts a replica as a process of its own. */
export async function startReplica(t: Test, redisUrl: string, { file }: Configuration): Promise<Replica> {
  const replica = await startProcess(process.execPath, ['--expose-gc', SCRIPT], {
    env: { REDIS_URL: redisUrl, CONFIGURATION: file },
    until: /Server listening/,
    timeoutMs: 30_000,
  })
  t.teardown(async () => {
    if ((await replica.stop()) !== 0)
      throw new Error(`A replica did not end well:\n${replica.lines.join('\n')}`)
  })
  const port = Number(/Server listening at [^"]*:(\d+)/.exec(replica.lines.join())?.[1])

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
