import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type Adapter,
  type LeaseEnds,
  type ServeOptions,
  tenantsFor,
  type Way,
} from '@tenantry/adapter-suite'
import { type FastifyHttpOptions, fastify } from 'fastify'
import { tenantry } from '../../src/index.ts'
import { visitOf } from './visit.ts'
import { routeWays } from './ways.ts'

const STREAMED = /200 OK.*begun.*done/s

/** Who pushes into a stream that nobody reads any more, or pulls for a web stream, is out of sight. */
const OUT_OF_SIGHT: LeaseEnds = 'closed'

const ways: Way[] = [
  { request: 'GET /returns', expected: /200 OK.*done/s },
  { request: 'GET /sends', expected: /200 OK.*"done":true/s },
  { request: 'GET /throws', expected: /500 .*thrown/s },
  { request: 'GET /rejects', expected: /500 .*rejected/s },
  { request: 'GET /sends-error', expected: /500 .*sent/s },
  { request: 'GET /generates', expected: STREAMED, streamed: true },
  { request: 'GET /pulls', expected: STREAMED, streamed: true },
  { request: 'GET /pushes', expected: STREAMED, streamed: true, whenGone: OUT_OF_SIGHT },
  { request: 'GET /pulls-from-web', expected: STREAMED, streamed: true, whenGone: OUT_OF_SIGHT },
  { request: 'GET /responds', expected: STREAMED, streamed: true, whenGone: OUT_OF_SIGHT },
  { request: 'GET /hijacks', expected: /200 OK/ },
  { request: 'GET /early', expected: /403 .*early/s },
  { request: 'GET /no-content', expected: /204 No Content/ },
  { request: 'GET /not-modified', expected: /304 Not Modified/ },
  { request: 'GET /nowhere', expected: /404 .*nothing here/s },
  { request: 'HEAD /returns', expected: /200 OK/ },
  { request: 'HEAD /rejects', expected: /500 / },
]

/** `@tenantry/fastify`, as the suite puts it to the test. */
export const fastifyAdapter: Adapter = {
  name: 'Fastify',
  ways,
  unsettled: ['GET /limited', 'HEAD /generates', 'HEAD /pulls'],
  replica: new URL('../fixtures/replica.js', import.meta.url),
  async serve(options) {
    const { routes = {}, work, before, after, onError } = options
    const app = fastify(settingsOf(options))
    if (before) app.addHook('onRequest', async (request) => before(visitOf(request)))
    await app.register(tenantry, tenantsFor(options, visitOf))
    if (after) app.addHook('onRequest', async (request) => after(visitOf(request)))
    if (onError) app.addHook('onError', async (_request, _reply, error) => onError(error))
    for (const [path, handler] of Object.entries(routes)) {
      app.get(path, async (request) => handler(visitOf(request)))
    }
    if (work !== undefined) routeWays(app, work)
    await app.listen({ host: '127.0.0.1', port: 0 })
    return {
      port: (app.server.address() as AddressInfo).port,
      pool: app.tenants,
      close: () => app.close(),
    }
  },
}

function settingsOf({ http = {}, trustProxy = false }: ServeOptions): FastifyHttpOptions<Server> {
  // Fastify sets this one itself, on whatever server.
  const { requestTimeout } = http
  return { http, trustProxy, ...(requestTimeout !== undefined && { requestTimeout }) }
}
