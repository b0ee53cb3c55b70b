import { ACME, gone, HOST, leaseSuite, ONCE, outlives, Wire, Work } from '@tenantry/adapter-suite'
import { eventually } from '@tenantry/testing'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { fastifyAdapter } from './support/adapter.ts'
import { serveWays } from './support/serve-ways.ts'
import { visitOf } from './support/visit.ts'

leaseSuite(t, fastifyAdapter)

t.test('G3: a stream that is read to its end though nobody wants it (HEAD) keeps its tenant', async (t) => {
  const ways = await serveWays(t)
  const wire = await Wire.open(ways.port)
  wire.send(`HEAD /pulls HTTP/1.1\r\n${ONCE}\r\n\r\n`)
  await ways.work.begun()
  await wire.ended()
  t.match(wire.received, /200 OK/)
  await outlives(t, ways, { end: () => ways.work.finish() })
})

t.test(
  'a handler that Fastify has answered for at its handlerTimeout: drainTimeoutMs after the close',
  async (t) => {
    const { port, pool, drained, work } = await serveWays(t, {
      plugin: { drainTimeoutMs: 300 },
      // Long enough for the handler to have begun by then.
      routes: (app) =>
        app.get('/late', { handlerTimeout: 500 }, async (request) => work.do(visitOf(request))),
    })
    const wire = await Wire.open(port)
    const since = performance.now()
    wire.get('/late', ONCE)
    await work.begun()
    await wire.ended()
    t.match(wire.received, /503 .*FST_ERR_HANDLER_TIMEOUT/s)
    t.equal(pool.stats().leases, 1, 'the handler is still at work')
    await drained()
    t.ok(performance.now() - since >= 500 + 300, 'no sooner')
    work.finish()
  },
)

t.test('G3: a handler that answers within its handlerTimeout', async (t) => {
  const ways = await serveWays(t, {
    routes: (app) =>
      app.get('/patient', { handlerTimeout: 60_000 }, async (request) => ways.work.do(visitOf(request))),
  })
  const wire = await Wire.open(ways.port)
  wire.get('/patient', ONCE)
  await ways.work.begun()
  await outlives(t, ways, { end: () => ways.work.finish() })
})

t.test(
  'G3: a client that is gone while a preHandler is at work, when its body has come: the handler runs, and keeps its tenant',
  async (t) => {
    const later = new Work()
    const ways = await serveWays(t, {
      routes: (app) => app.addHook('preHandler', (request) => later.do(visitOf(request))),
    })
    const wire = await Wire.open(ways.port)
    wire.send(`POST /body HTTP/1.1\r\n${HOST}\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ntext`)
    const visit = await later.begun()
    wire.vanish()
    await gone(visit)
    later.finish()
    await ways.work.begun()
    await outlives(t, ways, { end: () => ways.work.finish() })
  },
)

t.test('G2: hooks of the application see the same tenant to the end', async (t) => {
  const seen: string[] = []
  const ways = await serveWays(t, {
    routes: (app) => {
      const look = (hook: string) => async (request: FastifyRequest) => {
        if (request.url !== '/rejects') return
        ways.work.use(visitOf(request), hook)
        seen.push(`${hook} ${request.tenant.generation}`)
      }
      app.addHook('onRequest', look('onRequest'))
      app.addHook('onError', look('onError'))
      app.addHook('onSend', look('onSend'))
      app.addHook('onResponse', look('onResponse'))
    },
  })
  const wire = await Wire.open(ways.port)
  wire.get('/rejects', ONCE)
  await ways.work.begun()
  await outlives(t, ways, { end: () => ways.work.finish() })
  await eventually(() => seen.length === 4)
  t.strictSame(seen, ['onRequest 0', 'onError 0', 'onSend 0', 'onResponse 0'])
})

t.test('G3: a hook that follows on the answer sees its tenant, though the client is gone', async (t) => {
  const ways = await serveWays(t, {
    routes: (app) =>
      app.addHook('onSend', (request, _reply, payload, next) => {
        if (request.url === '/returns') ways.work.use(visitOf(request), 'onSend')
        next(null, payload)
      }),
  })
  const wire = await Wire.open(ways.port)
  wire.get('/returns', HOST)
  const visit = await ways.work.begun()
  wire.vanish()
  await gone(visit)
  await outlives(t, ways, { end: () => ways.work.finish() })
})

t.test('G3: an injected request', async (t) => {
  const ways = await serveWays(t)
  const { app } = ways
  const answer = app.inject({ url: '/returns', headers: { host: ACME } })
  await ways.work.begun()
  await outlives(t, ways, { end: () => ways.work.finish() })
  t.equal((await answer).body, 'done')

  await t.test('that is broken off', async (t) => {
    const ways = await serveWays(t)
    const abort = new AbortController()
    const answer = ways.app.inject({ url: '/returns', headers: { host: ACME }, signal: abort.signal })
    await ways.work.begun()
    abort.abort()
    await t.rejects(answer)
    await outlives(t, ways, { end: () => ways.work.finish() })
  })
})
