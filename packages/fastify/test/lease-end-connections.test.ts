import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from 'node:http2'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MemoryTokenStore, type TokenAnswer } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import type { FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { HOST, noting, outlives, serveWays } from './support/lease-scene.ts'
import { ACME, type Served, type ServeOptions } from './support/serve.ts'
import { Wire } from './support/wire.ts'
import { gone, Work } from './support/work.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** A store whose reads can be held up. */
class HeldTokenStore extends MemoryTokenStore {
  #held: Promise<void> | undefined

  /** Holds all reads up from now on, until the function that it returns is called. */
  hold(): () => void {
    let letGo!: () => void
    this.#held = new Promise((resolve) => {
      letGo = resolve
    })
    return letGo
  }

  override async read(keys: readonly string[]): Promise<readonly TokenAnswer[]> {
    await this.#held
    return super.read(keys)
  }
}

t.test(
  'a client that is gone while the check is under way takes no lease, and its handler never runs',
  async (t) => {
    const tokens = new HeldTokenStore()
    const arrived: FastifyRequest[] = []
    const ways = await serveWays(t, {
      before: noting('onRequest', arrived),
      plugin: { tokens, checkTimeoutMs: 60_000 },
    })
    const { app, port, drained } = ways.served
    await app.tenants.use(ACME, () => {})
    const answer = tokens.hold()
    const wires = [await Wire.open(port), await Wire.open(port)] as const
    for (const [index, wire] of wires.entries()) {
      wire.get('/returns', HOST)
      await eventually(() => app.tenants.stats().leases === index + 1)
    }
    wires[0].vanish()
    await gone(arrived[0] as FastifyRequest)
    t.equal(app.tenants.stats().leases, 2, 'the pool holds the tenant while it checks')
    answer()
    // The second one's check ends no sooner than the first one's.
    await ways.work.begun()
    t.equal(app.tenants.stats().leases, 1)
    ways.work.finish()
    await wires[1].until('done')
    await drained()
    t.equal(ways.work.requests.length, 1)
  },
)

t.test('a client that is gone before the check is asked for takes no lease either', async (t) => {
  const earlier = new Work()
  const identified: FastifyRequest[] = []
  const ways = await serveWays(t, {
    before: (app) => app.addHook('onRequest', (request) => earlier.do(request)),
    plugin: {
      identify: (request) => {
        identified.push(request)
        return ACME
      },
    },
  })
  const { app, port, drained } = ways.served
  const wire = await Wire.open(port)
  wire.get('/returns', HOST)
  const request = await earlier.begun()
  wire.vanish()
  await gone(request)
  earlier.finish()
  // If there were a check, it would have been asked for before this one.
  await app.tenants.use(ACME, () => {})
  await drained()
  t.equal(ways.work.requests.length, 0)
  t.strictSame(identified, [], 'nobody even asks whom it is for')
})

t.test('a client that is gone before it turns out that it has no tenant is not answered', async (t) => {
  const identifying = new Work()
  const errors: unknown[] = []
  const ways = await serveWays(t, {
    before: (app) => app.setErrorHandler(async (error) => void errors.push(error)),
    plugin: {
      async identify(request) {
        await identifying.do(request)
        return request.url === '/returns' ? undefined : ACME
      },
    },
  })
  const { app, port } = ways.served
  const wire = await Wire.open(port)
  wire.get('/returns', HOST)
  const request = await identifying.begun()
  wire.vanish()
  await gone(request)
  identifying.finish()
  await app.inject({ url: '/generation', headers: { host: ACME } })
  t.strictSame(errors, [])
  t.equal(app.tenants.stats().leases, 0)
})

t.test('three pipelined requests whose client vanishes', async (t) => {
  await t.test('G3: while all are at work: each lease ends when its handler has answered', async (t) => {
    const ways = await serveWays(t)
    const wire = await Wire.open(ways.served.port)
    wire.send(`GET /returns HTTP/1.1\r\n${HOST}\r\n\r\n`.repeat(3))
    const request = await ways.work.begun(3)
    wire.vanish()
    await gone(request)
    await outlives(t, ways, { leases: 3, end: () => ways.work.finish() })
  })

  await t.test('G3: while the first holds up the answers of the others', async (t) => {
    const answered: FastifyRequest[] = []
    const ways = await serveWays(t, { routes: noting('onSend', answered) })
    const { app, port } = ways.served
    const wire = await Wire.open(port)
    wire.get('/returns', HOST)
    wire.send(`GET /generation HTTP/1.1\r\n${HOST}\r\n\r\n`.repeat(2))
    const request = await ways.work.begun()
    await eventually(() => answered.length === 2)
    t.equal(app.tenants.stats().leases, 3, 'an answer that waits to be sent keeps its tenant')
    wire.vanish()
    await gone(request)
    await outlives(t, ways, { leases: 1, end: () => ways.work.finish() })
  })
})

t.test('a connection bears no more, however many requests it carries', async (t) => {
  const warnings: Error[] = []
  const onWarning = (warning: Error) => void warnings.push(warning)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const counts: number[] = []
  const leases: WeakRef<object>[] = []
  const ways = await serveWays(t, {
    before: (app) =>
      app.addHook('onRequest', async ({ raw }) => void counts.push(raw.socket.listenerCount('close'))),
    routes: (app) =>
      app.addHook('onRequest', async ({ tenantLease }) => void leases.push(new WeakRef(tenantLease))),
  })

  await t.test('pipelined', async (t) => {
    const wire = await Wire.open(ways.served.port)
    wire.send(`GET /returns HTTP/1.1\r\n${HOST}\r\n\r\n`.repeat(20))
    const request = await ways.work.begun(20)
    t.equal(ways.served.app.tenants.stats().leases, 20)
    t.ok(request.raw.socket.listenerCount('close') <= (counts[0] as number) + 1)
    ways.work.finish()
    await eventually(() => wire.received.split('done').length === 21)
    await ways.served.drained()
    wire.vanish()
  })

  await t.test('one after the other', async (t) => {
    counts.length = 0
    leases.length = 0
    const wire = await Wire.open(ways.served.port)
    for (let count = 1; count <= 50; count += 1) {
      wire.get('/generation', HOST)
      await eventually(() => wire.received.split('200 OK').length === count + 1, { intervalMs: 1 })
    }
    t.equal(counts.length, 50)
    t.equal(counts[49], counts[1])
    t.ok((counts[1] as number) <= (counts[0] as number) + 1)
    await ways.served.drained()
    await eventually(() => {
      collectGarbage()
      return leases.filter((lease) => lease.deref() !== undefined).length <= 3
    })
    t.equal(wire.socket.destroyed, false, 'what has ended is forgotten while the connection goes on')
  })

  t.strictSame(warnings, [])
})

t.test('HTTP/2', async (t) => {
  const http2: ServeOptions = { fastify: { http2: true } }

  async function connect(t: Test, { port }: Served): Promise<ClientHttp2Session> {
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    t.teardown(() => session.destroy())
    await once(session, 'connect')
    return session
  }

  function get(session: ClientHttp2Session, path: string): ClientHttp2Stream {
    const stream = session.request({ ':path': path, ':authority': ACME })
    stream.on('error', () => {})
    return stream
  }

  for (const path of ['/returns', '/rejects', '/generates', '/pulls', '/no-content', '/nowhere']) {
    await t.test(`G3: GET ${path}`, async (t) => {
      const ways = await serveWays(t, http2)
      get(await connect(t, ways.served), path).resume()
      await ways.work.begun()
      await outlives(t, ways, { end: () => ways.work.finish() })
    })

    await t.test(`G3: GET ${path}, and the stream is reset`, async (t) => {
      const ways = await serveWays(t, http2)
      const stream = get(await connect(t, ways.served), path).resume()
      const request = await ways.work.begun()
      stream.close(constants.NGHTTP2_CANCEL)
      await gone(request)
      await outlives(t, ways, { end: () => ways.work.finish() })
    })
  }

  await t.test('G3: three streams whose connection is gone', async (t) => {
    const ways = await serveWays(t, http2)
    const session = await connect(t, ways.served)
    for (let count = 0; count < 3; count += 1) get(session, '/returns').resume()
    const request = await ways.work.begun(3)
    session.destroy()
    await gone(request)
    await outlives(t, ways, { leases: 3, end: () => ways.work.finish() })
  })

  await t.test('a stream that is reset while an earlier hook is at work takes no lease', async (t) => {
    const earlier = new Work()
    const ways = await serveWays(t, {
      ...http2,
      before: (app) => app.addHook('onRequest', (request) => earlier.do(request)),
    })
    const { app, drained } = ways.served
    const stream = get(await connect(t, ways.served), '/returns')
    const request = await earlier.begun()
    stream.close(constants.NGHTTP2_CANCEL)
    await gone(request)
    earlier.finish()
    await app.tenants.use(ACME, () => {})
    await drained()
    t.equal(ways.work.requests.length, 0)
  })
})
