import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { LoadTenant } from './load-tenants.ts'
import { LoadTestError } from './load-test-error.ts'
import type { Scene } from './scene.ts'

/** A balancer may have to see first that its replicas are there. */
const TIMEOUT_MS = 15_000
const PAUSE_MS = 100

/**
 * Waits until every target serves the tenants.
 *
 * @throws LoadTestError when there is none, or one does not: the message says what it answers; the signal's reason when
 *   it fires meanwhile
 */
export async function untilServed(
  scene: Scene,
  [tenant]: readonly LoadTenant[],
  signal?: AbortSignal,
): Promise<void> {
  const targets = scene.targets()
  if (targets.length === 0 || tenant === undefined) {
    throw new LoadTestError(`Expected a target and a tenant, got ${targets.length} targets`)
  }
  const agent = new Agent({ headersTimeout: TIMEOUT_MS })
  const deadline = performance.now() + TIMEOUT_MS
  try {
    for (const { origin } of targets) {
      for (;;) {
        const got = await ask(origin, tenant, agent)
        if (got === undefined) break
        if (performance.now() > deadline)
          throw new LoadTestError(`Expected ${origin} to serve ${tenant.hostname}, got ${got}`)
        await sleep(PAUSE_MS)
        signal?.throwIfAborted()
      }
    }
  } finally {
    await agent.close()
  }
}

/** Undefined: it is served. */
async function ask(origin: string, { hostname }: LoadTenant, agent: Agent): Promise<string | undefined> {
  try {
    const headers = { host: hostname }
    const { statusCode, body } = await request(`${origin}/whoami`, { headers, dispatcher: agent })
    const text = await body.text()
    return statusCode === 200 ? undefined : `${statusCode}: ${text}`
  } catch (error) {
    return (error as Error).message
  }
}
