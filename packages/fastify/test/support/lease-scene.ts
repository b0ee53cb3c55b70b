import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Test } from 'tap'
import { ACME, type Served, type ServeOptions, serve } from './serve.ts'
import { routeWays } from './ways.ts'
import { Work } from './work.ts'

/** Headers of a request for the tenant. */
export const HOST = `Host: ${ACME}`

/** The same; then the connection is to be closed. */
export const ONCE = `${HOST}\r\nConnection: close`

/** An app with a route for every way in which a response can end. */
export async function serveWays(
  t: Test,
  options: ServeOptions = {},
): Promise<{ served: Served; work: Work }> {
  const work = new Work()
  const served = await serve(t, {
    ...options,
    routes: (app) => {
      options.routes?.(app)
      routeWays(app, work)
    },
  })
  return { served, work }
}

/** Restarts the tenant: what `leases` requests hold must stay, and go when `end` has let go of it. */
export async function outlives(
  t: Test,
  { served, work }: { served: Served; work: Work },
  { leases = 1, end }: { leases?: number; end: () => unknown },
): Promise<void> {
  const { app, built, restart, drained } = served
  const held = built[0]
  await restart()
  t.match(app.tenants.stats(), { leases, draining: leases === 0 ? 0 : 1 })
  t.equal(held?.disposals, leases === 0 ? 1 : 0, 'a tenant stays while it is at work')
  await end()
  await drained()
  t.equal(held?.disposals, 1, 'a tenant that has left is disposed of once')
  t.strictSame(work.mourners, [])
}

/** A hook that notes the requests that come by it. */
export function noting(hook: 'onRequest' | 'onSend', requests: FastifyRequest[]) {
  return (app: FastifyInstance) => {
    app.addHook(hook as 'onRequest', async (request) => void requests.push(request))
  }
}
