import { connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2'
import { text } from 'node:stream/consumers'
import { ACME, hostSuite, outcome, REFUSED_EARLY } from '@tenantry/adapter-suite'
import t from 'tap'
import { fastifyAdapter } from './support/adapter.ts'
import { serve } from './support/serve.ts'

const ACME_SERVES = `served ${ACME}`
const REFUSED = '400 HOST_INVALID'

hostSuite(t, fastifyAdapter)

t.test('G9: HTTP/2', async (t) => {
  const { port } = await serve(t, {
    fastify: { http2: true },
    routes: (app) => app.get('*', async ({ tenant }) => `served ${tenant.id}`),
  })
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  t.teardown(() => session.destroy())

  async function get(headers: OutgoingHttpHeaders): Promise<string> {
    const stream = session.request({ ':path': '/', ...headers })
    let statusCode = 0
    stream.on('response', (head) => {
      statusCode = Number(head[':status'])
    })
    const body = await text(stream).catch((error: NodeJS.ErrnoException) => `${error.code}`)
    return outcome({ body, statusCode })
  }

  const cases: [headers: OutgoingHttpHeaders, expected: string | RegExp][] = [
    [{ ':authority': 'acme.test' }, ACME_SERVES],
    [{ ':authority': 'ACME.test.:80' }, ACME_SERVES],
    [{ host: 'acme.test' }, ACME_SERVES],
    [{ ':authority': 'acme.test', host: 'ACME.test:80' }, ACME_SERVES],
    [{ ':authority': 'unknown.test' }, '404 TENANT_NOT_FOUND'],
    [{ ':authority': 'acme.test', host: 'other.test' }, REFUSED],
    [{ ':authority': 'user@acme.test' }, REFUSED],
    [{ ':authority': 'acme.test,other.test' }, REFUSED],
    [{ ':authority': 'acme.test, other.test' }, REFUSED_EARLY],
    [{ ':authority': '127.0.0.1' }, REFUSED],
    [{ host: 'acme.test,other.test' }, REFUSED],
    [{ ':authority': 'other.test', 'x-forwarded-host': 'acme.test' }, 'served other.test'],
  ]
  for (const [headers, expected] of cases) t.match(await get(headers), expected, JSON.stringify(headers))
})
