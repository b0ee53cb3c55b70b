import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from 'node:http2'
import { ACME, connectionSuite, gone, outlives, Work } from '@tenantry/adapter-suite'
import t, { type Test } from 'tap'
import { fastifyAdapter } from './support/adapter.ts'
import type { ServeOptions } from './support/serve.ts'
import { serveWays } from './support/serve-ways.ts'
import { visitOf } from './support/visit.ts'

connectionSuite(t, fastifyAdapter)

t.test('HTTP/2', async (t) => {
  const http2: ServeOptions = { fastify: { http2: true } }

  async function connect(t: Test, port: number): Promise<ClientHttp2Session> {
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
      get(await connect(t, ways.port), path).resume()
      await ways.work.begun()
      await outlives(t, ways, { end: () => ways.work.finish() })
    })

    await t.test(`G3: GET ${path}, and the stream is reset`, async (t) => {
      const ways = await serveWays(t, http2)
      const stream = get(await connect(t, ways.port), path).resume()
      const visit = await ways.work.begun()
      stream.close(constants.NGHTTP2_CANCEL)
      await gone(visit)
      await outlives(t, ways, { end: () => ways.work.finish() })
    })
  }

  await t.test('G3: three streams whose connection is gone', async (t) => {
    const ways = await serveWays(t, http2)
    const session = await connect(t, ways.port)
    for (let count = 0; count < 3; count += 1) get(session, '/returns').resume()
    const visit = await ways.work.begun(3)
    session.destroy()
    await gone(visit)
    await outlives(t, ways, { leases: 3, end: () => ways.work.finish() })
  })

  await t.test('a stream that is reset while an earlier hook is at work takes no lease', async (t) => {
    const earlier = new Work()
    const ways = await serveWays(t, {
      ...http2,
      before: (app) => app.addHook('onRequest', (request) => earlier.do(visitOf(request))),
    })
    const { pool, port, drained } = ways
    const stream = get(await connect(t, port), '/returns')
    const visit = await earlier.begun()
    stream.close(constants.NGHTTP2_CANCEL)
    await gone(visit)
    earlier.finish()
    await pool.use(ACME, () => {})
    await drained()
    t.equal(ways.work.visits.length, 0)
  })
})
