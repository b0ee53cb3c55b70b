// @ts-check
/**
 * Restarts a tenant, and waits until every replica that holds it has taken that up. With the replicas of `heartbeats.js`:
 *
 *   node examples/convergence.js acme.localhost
 *   curl http://acme.localhost:3001/ http://acme.localhost:3002/   # meanwhile, in another terminal
 *
 * A replica that holds the tenant and gets no request for it drops it within `sweepMs`, 10 s by default, and then is not
 * waited for: the next request there builds it anew.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { TenantLifecycle, tenantKey } from '@tenantry/core'
import { RedisHeartbeats, RedisTokenStore } from '@tenantry/redis'

const { REDIS_URL = 'redis://localhost', TIMEOUT_MS = '60000' } = process.env
const [id = 'acme.localhost'] = process.argv.slice(2)

const tokens = new RedisTokenStore(REDIS_URL)
const heartbeats = new RedisHeartbeats(REDIS_URL)

/** How many replicas hold the tenant, or could not build it; and how many of them under the token in force. */
async function count() {
  // The token in force, not the one written here: another restart may have overtaken it, and brings what it brought.
  const [inForce] = await tokens.read([tenantKey(id)])
  if (inForce instanceof Error) throw inForce
  const told = (await heartbeats.read()).flatMap(({ tenants }) => tenants.get(id) ?? [])
  const taken = told.filter(({ token }) => token === inForce)
  const failed = taken.filter(({ state }) => state === 'failed').length
  return { inForce, told: told.length, taken: taken.length, failed }
}

try {
  const token = await new TenantLifecycle(tokens).restart(id)
  const deadline = performance.now() + Number(TIMEOUT_MS)
  let overtaken = false
  for (let before = ''; ; await sleep(500)) {
    const { inForce, told, taken, failed } = await count()
    if (inForce !== token && !overtaken) {
      overtaken = true
      console.log(`${id}: another restart has overtaken this one, and is waited for instead`)
    }
    const now =
      told > 0
        ? `${id}: ${taken - failed} of ${told} replicas have it, ${failed} failed`
        : `${id}: no replica holds the tenant any more, so that none is behind`
    if (now !== before) console.log(now)
    before = now
    if (taken === told) break
    if (performance.now() > deadline) {
      console.error(`${id}: not every replica has it after ${TIMEOUT_MS} ms`)
      process.exitCode = 1
      break
    }
  }
} finally {
  await Promise.all([tokens.close(), heartbeats.close()])
}
