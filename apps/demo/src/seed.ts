import { type Authority, RestartWriter } from '@tenantry/authority'
import type { TokenStore } from '@tenantry/core'
import type { Tenant } from '@tenantry/sample-server'

/** Puts tenants into an authority that has none; one that has some is left as it is. */
export async function seed(
  authority: Authority,
  tokens: TokenStore,
  tenants: readonly Tenant[],
): Promise<void> {
  const { total } = await authority.listTenants({ limit: 1 })
  if (total > 0) return
  const writer = new RestartWriter({ authority, tokens })
  for (const { id, name, hostnames, ...config } of tenants) {
    const asked = { by: 'demo', reason: 'a sample tenant' }
    const { restarts } = await authority.createTenant({ id, name, hostnames, config }, asked)
    await writer.write(restarts)
  }
}
