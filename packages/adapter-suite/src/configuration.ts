import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { ReplicaTenant } from './replica.ts'

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
    const tenants = Array.from(this.#versions, ([id, version], index): [string, ReplicaTenant] => {
      return [id, { version, loadMs: index === 0 ? SLOW_LOAD_MS : 0 }]
    })
    await writeFile(`${this.file}.new`, JSON.stringify(Object.fromEntries(tenants)))
    await rename(`${this.file}.new`, this.file)
    return version
  }
}
