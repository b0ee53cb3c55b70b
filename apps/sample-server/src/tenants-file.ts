import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { tenantKey } from '@tenantry/core'
import { object, parseTenant, type Tenant } from './tenant.ts'
import type { TenantSource } from './tenant-source.ts'

/** The sample tenants that come with the app. */
export const SAMPLE_TENANTS_FILE: string = fileURLToPath(new URL('../tenants.json', import.meta.url))

/** The file cannot be read or is not valid. The message names the file and the problem: for logs. */
export class TenantsFileError extends Error {
  override readonly name = 'TenantsFileError'
}

/** One consistent reading of the file. */
interface Contents {
  readonly tenants: ReadonlyMap<string, Tenant>
  /** Canonical host name to tenant id. */
  readonly hosts: ReadonlyMap<string, string>
}

/**
 * What stands for the site configuration authority where there is no database: a JSON file,
 * `{"tenants": {"<id>": {…}}}`.
 *
 * It is read anew for every question, so that a tenant built after a change has that change in it (R2). It is
 * valid as a whole or not at all: a host name that two tenants claim is nobody's mistake in particular.
 */
export class TenantsFile implements TenantSource {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /**
   * The tenant with this id; undefined when there is none.
   *
   * @throws TenantsFileError
   */
  async load(id: string, options?: { signal?: AbortSignal }): Promise<Tenant | undefined> {
    return (await this.#read(options?.signal)).tenants.get(id)
  }

  /**
   * The id of the tenant with this canonical host name; undefined when there is none.
   *
   * @throws TenantsFileError
   */
  async lookup(hostname: string, options?: { signal?: AbortSignal }): Promise<string | undefined> {
    return (await this.#read(options?.signal)).hosts.get(hostname)
  }

  /**
   * All tenants, as the file lists them.
   *
   * @throws TenantsFileError
   */
  async all(): Promise<Tenant[]> {
    return [...(await this.#read()).tenants.values()]
  }

  async #read(signal?: AbortSignal): Promise<Contents> {
    try {
      return parseTenants(await readFile(this.#path, signal ? { encoding: 'utf8', signal } : 'utf8'))
    } catch (cause) {
      if (signal?.aborted) throw cause
      throw new TenantsFileError(
        `The tenants file ${this.#path} cannot be used: ${(cause as Error).message}`,
        { cause },
      )
    }
  }
}

function parseTenants(json: string): Contents {
  const tenants = new Map<string, Tenant>()
  const hosts = new Map<string, string>()
  for (const [id, entry] of Object.entries(object(object(JSON.parse(json), 'the file').tenants, 'tenants'))) {
    tenantKey(id)
    const tenant = parseTenant(id, entry)
    for (const hostname of tenant.hostnames) {
      const other = hosts.get(hostname)
      if (other !== undefined)
        throw new Error(`tenants.${id}.hostnames: ${hostname} is a host name of ${other} already`)
      hosts.set(hostname, id)
    }
    tenants.set(id, tenant)
  }
  return { tenants, hosts }
}
