// @ts-check
/**
 * What the program does that changes tenants: first the new configuration, then the token. Run a server beside it, such
 * as `fastify.js`, and rename Acme and Globex in `examples/tenants.json`: that is the new configuration. Then:
 *
 *   node examples/restart.js acme.localhost globex.localhost   # these
 *   node examples/restart.js                                   # all
 *
 * Stop Redis before, and start it again, to see a restart that is repeated until it is written.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { FailedRestarts, TenantLifecycle, TenantryError } from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'

const { REDIS_URL = 'redis://localhost' } = process.env
/** @type {readonly string[]} */
let ids = process.argv.slice(2)

const tokens = new RedisTokenStore(REDIS_URL)
const lifecycle = new TenantLifecycle(tokens)

// First: await database.commit(…). Whoever takes the restart up reads what has been committed by now.

// Without a limit: while this goes on, replicas may serve what they had before the change.
for (let written = false; !written; ) {
  try {
    // For one tenant alone there is `lifecycle.restart(id)`. All of them are one write, however many they are.
    await (ids.length > 0 ? lifecycle.restartMany(ids) : lifecycle.restartAll())
    written = true
  } catch (error) {
    // It may have been written or not, and nobody else knows of it: not repeated, it is lost. (`@tenantry/authority`
    // commits a restart together with the change, and repeats it for you, also after a crash.)
    if (!(error instanceof TenantryError) || error.code !== 'TENANTRY_ERR_RESTART_FAILED') throw error
    console.log(error.message)
    if (error.cause instanceof FailedRestarts) ids = error.cause.ids
    await sleep(1000)
  }
}
console.log('Restarted')
await tokens.close()
