import type { Authority } from '@tenantry/authority'
import { checkConfig } from './config-schema.ts'
import type { Tenant } from './tenant.ts'
import type { TenantSource } from './tenant-source.ts'

/** Tenants of the site configuration authority. */
export class AuthorityTenants implements TenantSource {
  readonly #authority: Authority

  /** @param authority to be closed by {@link close} */
  constructor(authority: Authority) {
    this.#authority = authority
  }

  /**
   * @throws TenantInvalidError when the page cannot be made of the configuration: the message names the field
   * @throws TENANTRY_ERR_AUTHORITY_UNREACHABLE
   */
  async load(id: string, options?: { signal?: AbortSignal }): Promise<Tenant | undefined> {
    const found = await this.#authority.findTenant(id, options)
    if (found === undefined) return undefined
    const { name, hostnames, config } = found
    checkConfig(config, 'config')
    // What the authority says of the tenant counts, whatever else the configuration may say.
    return { ...config, id, name, hostnames }
  }

  /** @throws TENANTRY_ERR_AUTHORITY_UNREACHABLE */
  lookup(hostname: string, options?: { signal?: AbortSignal }): Promise<string | undefined> {
    return this.#authority.findTenantIdByHostname(hostname, options)
  }

  close(): Promise<void> {
    return this.#authority.close()
  }
}
