import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { ACME } from '@tenantry/adapter-suite'
import type { TenantryError } from '@tenantry/core'
import { ask, eventually } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { hostnameOf, type NodeRequest, type NodeResponse, type TenantRequest } from '../src/index.ts'
import { listen, open } from './support/serve.ts'

/** Answers with the tenant, or with the error. */
function answering(tenants: ReturnType<typeof open>['tenants']) {
  return (request: NodeRequest, response: NodeResponse) => {
    tenants(request, response, (error) => {
      if (error !== undefined) {
        response.statusCode = (error as TenantryError).statusCode
        response.end((error as TenantryError).code)
        return
      }
      const { tenant, tenantLease } = request as NodeRequest & TenantRequest
      response.end(`${tenant.id} ${tenant.generation} ${tenantLease.id} ${hostnameOf(request)}`)
    })
  }
}

t.test('plain node:http', async (t) => {
  const { tenants, lifecycle } = open(t, {
    load: (id) => {
      if (id === 'broken.test') throw new Error('broken')
      return id === ACME ? { id } : undefined
    },
  })
  const { port } = await listen(
    t,
    answering(tenants) satisfies (request: IncomingMessage, response: ServerResponse) => void,
  )
  const get = (host: string, headers = {}) => ask(port, '/', { headers: { host, ...headers } })
  t.equal((await get('ACME.test:80')).body, `${ACME} 0 ${ACME} ${ACME}`)
  await lifecycle.restart(ACME)
  t.equal((await get(ACME, { 'x-forwarded-host': 'other.test' })).body, `${ACME} 1 ${ACME} ${ACME}`)
  t.match(await get('unknown.test'), { status: 404, body: 'TENANTRY_ERR_TENANT_NOT_FOUND' })
  t.match(await get('not/valid'), { status: 400, body: 'TENANTRY_ERR_HOST_INVALID' })
  const broken = { status: 503, headers: { 'retry-after': '1' }, body: 'TENANTRY_ERR_BUILD_FAILED' }
  t.match(await get('broken.test'), broken)
  await eventually(() => tenants.pool.stats().leases === 0, { timeoutMs: 10_000 })
})

/** Starts a server of HTTP/2, and ends it with the test: a session with it. */
async function startHttp2(
  t: Test,
  answer: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Promise<ClientHttp2Session> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => {
    session.destroy()
    server.close()
  })
  return session
}

t.test('plain node:http2', async (t) => {
  const { tenants } = open(t)
  const answer = answering(tenants) satisfies (
    request: Http2ServerRequest,
    response: Http2ServerResponse,
  ) => void
  const session = await startHttp2(t, answer)
  const get = (headers: Record<string, string>) => text(session.request({ ':path': '/', ...headers }))
  t.equal(await get({ ':authority': ACME }), `${ACME} 0 ${ACME} ${ACME}`)
  t.equal(await get({ ':authority': ACME, host: 'other.test' }), 'TENANTRY_ERR_HOST_INVALID')
  t.equal(await get({ ':authority': 'unknown.test' }), 'TENANTRY_ERR_TENANT_NOT_FOUND')
  await eventually(() => tenants.pool.stats().leases === 0, { timeoutMs: 10_000 })
})

t.test(
  'a stream of node:http2 that its client resets: drainTimeoutMs later, though the handler answers',
  async (t) => {
    const { tenants } = open(t, { drainTimeoutMs: 500 })
    const responses: Http2ServerResponse[] = []
    const session = await startHttp2(t, (request, response) => {
      tenants(request, response, () => {
        // Where its client is gone, nothing tells that it has been ended.
        response.on('close', () => response.end('done'))
        responses.push(response)
      })
    })
    const stream = session.request({ ':path': '/', ':authority': ACME })
    stream.on('error', () => {})
    await eventually(() => responses.length === 1, { timeoutMs: 10_000 })
    t.equal(tenants.pool.stats().leases, 1)
    const since = performance.now()
    stream.close(constants.NGHTTP2_CANCEL)
    await eventually(() => tenants.pool.stats().leases === 0, { timeoutMs: 10_000 })
    t.ok(performance.now() - since >= 500, 'no sooner')
    t.equal(responses[0]?.writableEnded, false)
  },
)
