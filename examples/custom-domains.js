// @ts-check
/**
 * Custom domains: a tenant has as many host names as it likes, and none of them need be its id.
 *
 *   node examples/custom-domains.js
 *   curl http://rockets.localhost:3000/   # Acme
 *   curl http://skates.localhost:3000/    # 404: nobody's
 *
 * Give Acme "skates.localhost" in `examples/tenants.json`; then tell the replicas, its new owner first (and after that
 * its old owner, had it had one), or `new TenantLifecycle(tokens).hostsChanged(['acme.localhost'])` in a program:
 *
 *   redis-cli SET tenantry:tenant:acme.localhost $(openssl rand -hex 16)
 *   redis-cli SET tenantry:all-hosts $(openssl rand -hex 16)
 *   curl http://skates.localhost:3000/    # Acme
 */
import { hostDirectory, tenantry } from '@tenantry/fastify'
import { RedisTokenStore } from '@tenantry/redis'
import Fastify from 'fastify'
import { readTenant, readTenants } from './support/database.js'

const { REDIS_URL = 'redis://localhost', PORT = '3000' } = process.env

const app = Fastify({ logger: { level: 'warn' } })
await app.register(tenantry, {
  tokens: () => new RedisTokenStore(REDIS_URL),
  load: readTenant,
  identify: hostDirectory({
    // Asked for hosts that are not known yet, and believed only as far as the tenant names the host, too.
    lookup: async (hostname) => {
      const tenants = [...(await readTenants())]
      return tenants.find(([, { hostnames }]) => hostnames.includes(hostname))?.[0]
    },
    hostnamesOf: (tenant) => tenant.hostnames,
  }),
})
app.get('/', ({ tenant }) => `Hello from ${tenant.name}\n`)

console.log(`Listening on ${await app.listen({ port: Number(PORT) })}`)
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => app.close())
