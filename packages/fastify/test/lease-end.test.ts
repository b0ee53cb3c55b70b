import { eventually } from '@tenantry/testing'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { HOST, noting, ONCE, outlives, serveWays } from './support/lease-scene.ts'
import { ACME } from './support/serve.ts'
import { plainWays, streamedWays } from './support/ways.ts'
import { Wire } from './support/wire.ts'
import { gone, Work } from './support/work.ts'

t.test('G3: a lease ends with its response, and no tenant is disposed of before', async (t) => {
  const ways: [request: string, expected: RegExp][] = [
    ['GET /returns', /200 OK.*done/s],
    ['GET /sends', /200 OK.*"done":true/s],
    ['GET /throws', /500 .*thrown/s],
    ['GET /rejects', /500 .*rejected/s],
    ['GET /sends-error', /500 .*sent/s],
    ['GET /generates', /200 OK.*begun.*done/s],
    ['GET /pulls', /200 OK.*begun.*done/s],
    ['GET /pushes', /200 OK.*begun.*done/s],
    ['GET /pulls-from-web', /200 OK.*begun.*done/s],
    ['GET /responds', /200 OK.*begun.*done/s],
    ['GET /hijacks', /200 OK/],
    ['GET /early', /403 .*early/s],
    ['GET /no-content', /204 No Content/],
    ['GET /not-modified', /304 Not Modified/],
    ['GET /nowhere', /404 .*nothing here/s],
    ['HEAD /returns', /200 OK/],
    ['HEAD /rejects', /500 /],
  ]
  for (const [request, expected] of ways) {
    await t.test(request, async (t) => {
      const ways = await serveWays(t)
      const wire = await Wire.open(ways.served.port)
      wire.send(`${request} HTTP/1.1\r\n${ONCE}\r\n\r\n`)
      await ways.work.begun()
      await outlives(t, ways, { end: () => ways.work.finish() })
      await wire.ended()
      t.match(wire.received, expected)
    })
  }
})

t.test(
  'G3: the client is gone before the headers: the lease ends when the handler has answered',
  async (t) => {
    const paths = [...Object.keys(plainWays(new Work())), '/throws', '/early', '/nowhere']
    for (const path of paths) {
      await t.test(path, async (t) => {
        const ways = await serveWays(t)
        const wire = await Wire.open(ways.served.port)
        wire.get(path, HOST)
        const request = await ways.work.begun()
        wire.vanish()
        await gone(request)
        await outlives(t, ways, { end: () => ways.work.finish() })
      })
    }
  },
)

t.test(
  'G3: the client is gone in the middle of a stream: the lease ends when the stream has closed',
  async (t) => {
    // Who pushes into a stream that nobody reads any more, or pulls for a web stream, is out of sight.
    const outOfSight = ['/pushes', '/pulls-from-web', '/responds']
    for (const path of Object.keys(streamedWays(new Work()))) {
      await t.test(path, async (t) => {
        const ways = await serveWays(t)
        const wire = await Wire.open(ways.served.port)
        wire.get(path, HOST)
        await wire.until('begun')
        const request = await ways.work.begun()
        await outlives(t, ways, {
          async end() {
            wire.vanish()
            await gone(request)
            t.equal(ways.served.app.tenants.stats().leases, outOfSight.includes(path) ? 0 : 1)
            ways.work.finish()
          },
        })
      })
    }
  },
)

t.test('G3: a stream that is read to its end though nobody wants it (HEAD) keeps its tenant', async (t) => {
  const ways = await serveWays(t)
  const wire = await Wire.open(ways.served.port)
  wire.send(`HEAD /pulls HTTP/1.1\r\n${ONCE}\r\n\r\n`)
  await ways.work.begun()
  await wire.ended()
  t.match(wire.received, /200 OK/)
  await outlives(t, ways, { end: () => ways.work.finish() })
})

t.test(
  'G3: a client that is gone while a later hook is at work: the handler runs, and keeps its tenant',
  async (t) => {
    const later = new Work()
    const ways = await serveWays(t, {
      routes: (app) => app.addHook('preHandler', (request) => later.do(request)),
    })
    const wire = await Wire.open(ways.served.port)
    wire.get('/returns', HOST)
    const request = await later.begun()
    wire.vanish()
    await gone(request)
    later.finish()
    await ways.work.begun()
    await outlives(t, ways, { end: () => ways.work.finish() })
  },
)

t.test(
  'where it cannot be known whether the handler has answered: drainTimeoutMs after the close',
  async (t) => {
    const GRACE_MS = 300

    await t.test('a hijacked reply whose client is gone', async (t) => {
      const { served, work } = await serveWays(t, { plugin: { drainTimeoutMs: GRACE_MS } })
      const wire = await Wire.open(served.port)
      const since = performance.now()
      wire.get('/hijacks', HOST)
      const request = await work.begun()
      wire.vanish()
      await gone(request)
      t.equal(served.app.tenants.stats().leases, 1)
      await served.drained()
      t.ok(performance.now() - since >= GRACE_MS, 'no sooner')
      work.finish()
    })

    await t.test('a handler that Fastify has answered for at its handlerTimeout', async (t) => {
      const { served, work } = await serveWays(t, {
        plugin: { drainTimeoutMs: GRACE_MS },
        // Long enough for the handler to have begun by then.
        routes: (app) => app.get('/late', { handlerTimeout: 500 }, async (request) => work.do(request)),
      })
      const wire = await Wire.open(served.port)
      const since = performance.now()
      wire.get('/late', ONCE)
      await work.begun()
      await wire.ended()
      t.match(wire.received, /503 .*FST_ERR_HANDLER_TIMEOUT/s)
      t.equal(served.app.tenants.stats().leases, 1, 'the handler is still at work')
      await served.drained()
      t.ok(performance.now() - since >= 500 + GRACE_MS, 'no sooner')
      work.finish()
    })
  },
)

t.test('G3: a handler that answers within its handlerTimeout', async (t) => {
  const ways = await serveWays(t, {
    routes: (app) =>
      app.get('/patient', { handlerTimeout: 60_000 }, async (request) => ways.work.do(request)),
  })
  const wire = await Wire.open(ways.served.port)
  wire.get('/patient', ONCE)
  await ways.work.begun()
  await outlives(t, ways, { end: () => ways.work.finish() })
})

t.test('a body that never comes', async (t) => {
  const post = `POST /body HTTP/1.1\r\n${HOST}\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n12`

  await t.test('G3: until the client is gone', async (t) => {
    const arrived: FastifyRequest[] = []
    const ways = await serveWays(t, { routes: noting('onRequest', arrived) })
    const wire = await Wire.open(ways.served.port)
    wire.send(post)
    await eventually(() => arrived.length === 1)
    await outlives(t, ways, { end: () => wire.vanish() })
    t.equal(ways.work.requests.length, 0)
  })

  await t.test('G3: until the requestTimeout', async (t) => {
    const arrived: FastifyRequest[] = []
    const ways = await serveWays(t, {
      fastify: { requestTimeout: 100, http: { connectionsCheckingInterval: 20, headersTimeout: 100 } },
      routes: noting('onRequest', arrived),
    })
    const wire = await Wire.open(ways.served.port)
    wire.send(post)
    await eventually(() => arrived.length === 1)
    await outlives(t, ways, { end: () => wire.ended() })
    t.match(wire.received, /^HTTP\/1.1 408 /)
    t.equal(ways.work.requests.length, 0)
  })
})

t.test('G2: hooks of the application see the same tenant to the end', async (t) => {
  const seen: string[] = []
  const ways = await serveWays(t, {
    routes: (app) => {
      const look = (hook: string) => async (request: FastifyRequest) => {
        if (request.url !== '/rejects') return
        ways.work.use(request, hook)
        seen.push(`${hook} ${request.tenant.generation}`)
      }
      app.addHook('onRequest', look('onRequest'))
      app.addHook('onError', look('onError'))
      app.addHook('onSend', look('onSend'))
      app.addHook('onResponse', look('onResponse'))
    },
  })
  const wire = await Wire.open(ways.served.port)
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
        if (request.url === '/returns') ways.work.use(request, 'onSend')
        next(null, payload)
      }),
  })
  const wire = await Wire.open(ways.served.port)
  wire.get('/returns', HOST)
  const request = await ways.work.begun()
  wire.vanish()
  await gone(request)
  await outlives(t, ways, { end: () => ways.work.finish() })
})

t.test('G3: an injected request', async (t) => {
  const ways = await serveWays(t)
  const { app } = ways.served
  const answer = app.inject({ url: '/returns', headers: { host: ACME } })
  await ways.work.begun()
  await outlives(t, ways, { end: () => ways.work.finish() })
  t.equal((await answer).body, 'done')

  await t.test('that is broken off', async (t) => {
    const ways = await serveWays(t)
    const abort = new AbortController()
    const answer = ways.served.app.inject({ url: '/returns', headers: { host: ACME }, signal: abort.signal })
    await ways.work.begun()
    abort.abort()
    await t.rejects(answer)
    await outlives(t, ways, { end: () => ways.work.finish() })
  })
})
