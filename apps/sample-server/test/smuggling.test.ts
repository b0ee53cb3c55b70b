import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { MemoryTokenStore } from '@tenantry/core'
import Fastify from 'fastify'
import t from 'tap'
import { sampleServer, serverOptions } from '../src/app.ts'
import { TenantsFile } from '../src/tenants-file.ts'
import { patiently } from './support/patiently.ts'
import { ACME, GLOBEX } from './support/serve.ts'
import { tenantsFixture } from './support/tenants-fixture.ts'

/** What comes back: which tenant has answered which path. */
const SERVED = /\{"path":"([^"]*)","tenant":"([^"]*)"\}/g

/** A request for a path that says whose it is; its tenant is acme. */
const acme = (lines: string, body = '') =>
  `POST /acme/odd HTTP/1.1\r\nContent-Type: text/plain\r\n${lines}\r\n\r\n${body}`

/** Hidden in the body of another request: nobody may ever answer it, unless it is what the bytes really say. */
const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: globex.localhost\r\n\r\n'
const CHUNKED_HIDDEN = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`

/** Requests of which two programs have different views: where they end, or whose they are. */
const ODD: Record<string, string> = {
  'Content-Length and Transfer-Encoding': acme(
    `Host: acme.localhost\r\nContent-Length: ${HIDDEN.length + 5}\r\nTransfer-Encoding: chunked`,
    `0\r\n\r\n${HIDDEN}`,
  ),
  'Transfer-Encoding and Content-Length': acme(
    'Host: acme.localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 4',
    CHUNKED_HIDDEN,
  ),
  'two lengths that differ': acme(
    `Host: acme.localhost\r\nContent-Length: 0\r\nContent-Length: ${HIDDEN.length}`,
    HIDDEN,
  ),
  'a list of lengths': acme(`Host: acme.localhost\r\nContent-Length: 0, ${HIDDEN.length}`, HIDDEN),
  'a length with a sign': acme(`Host: acme.localhost\r\nContent-Length: +${HIDDEN.length}`, HIDDEN),
  'a length in hexadecimal': acme(`Host: acme.localhost\r\nContent-Length: 0x0`, HIDDEN),
  'a negative length': acme('Host: acme.localhost\r\nContent-Length: -1', HIDDEN),
  'an empty length': acme('Host: acme.localhost\r\nContent-Length:', HIDDEN),
  'a coding that is not chunked': acme(
    'Host: acme.localhost\r\nTransfer-Encoding: xchunked',
    `0\r\n\r\n${HIDDEN}`,
  ),
  'chunked, but not in the end': acme(
    'Host: acme.localhost\r\nTransfer-Encoding: chunked, identity',
    `0\r\n\r\n${HIDDEN}`,
  ),
  'chunked twice': acme(
    'Host: acme.localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
    `0\r\n\r\n${HIDDEN}`,
  ),
  'a coding before its colon': acme(
    'Host: acme.localhost\r\nTransfer-Encoding : chunked',
    `0\r\n\r\n${HIDDEN}`,
  ),
  'a folded coding': acme('Host: acme.localhost\r\nTransfer-Encoding:\r\n chunked', `0\r\n\r\n${HIDDEN}`),
  'a chunk that is longer than it says': acme(
    'Host: acme.localhost\r\nTransfer-Encoding: chunked',
    `1\r\n${HIDDEN}0\r\n\r\n`,
  ),
  'a chunk length that overflows': acme(
    'Host: acme.localhost\r\nTransfer-Encoding: chunked',
    `10000000000000000\r\n${HIDDEN}0\r\n\r\n`,
  ),
  'a Host in the trailers': acme(
    'Host: acme.localhost\r\nTransfer-Encoding: chunked',
    '0\r\nHost: globex.localhost\r\n\r\n',
  ),
  'two hosts': acme('Host: acme.localhost\r\nHost: globex.localhost\r\nContent-Length: 0'),
  'two hosts, the other one first': acme(
    'HOST: globex.localhost\r\nhost: acme.localhost\r\nContent-Length: 0',
  ),
  'a host with a space before its colon': acme(
    'Host : globex.localhost\r\nHost: acme.localhost\r\nContent-Length: 0',
  ),
  'a host that goes on in the next line': acme('Host: acme.localhost\r\n .evil\r\nContent-Length: 0'),
  'a header that is folded into a host': acme(
    'X: a\r\n Host: globex.localhost\r\nHost: acme.localhost\r\nContent-Length: 0',
  ),
  'a host with NUL in it': acme('Host: globex.localhost\0acme.localhost\r\nContent-Length: 0'),
  'a host after a bare CR': acme('X: a\rHost: globex.localhost\r\nHost: acme.localhost\r\nContent-Length: 0'),
  'lines that end with LF alone': acme('Host: acme.localhost\nHost: globex.localhost\r\nContent-Length: 0'),
  'a target that names another': acme('Host: acme.localhost\r\nContent-Length: 0').replace(
    '/acme/odd',
    'http://globex.localhost/acme/odd',
  ),
  'a target with user info': acme('Host: acme.localhost\r\nContent-Length: 0').replace(
    '/acme/odd',
    'http://acme.localhost@globex.localhost/acme/odd',
  ),
  'an upgrade that is none': acme(
    'Host: acme.localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0',
  ),
  'a length on a GET': `GET /acme/odd HTTP/1.1\r\nHost: acme.localhost\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  'another version of HTTP': acme('Host: acme.localhost\r\nContent-Length: 0').replace(
    'HTTP/1.1',
    'HTTP/1.2',
  ),
  'an empty line before': `\r\n${acme('Host: acme.localhost\r\nContent-Length: 0')}`,
}

/** What comes behind it on the same connection: somebody else’s request, as a proxy would send it. */
const NEXT = 'GET /globex/next HTTP/1.1\r\nHost: globex.localhost\r\nConnection: close\r\n\r\n'

const app = Fastify(serverOptions)
const { path } = tenantsFixture(t.testdir(), { acme: ACME, globex: GLOBEX })
await app.register(sampleServer, {
  tokens: new MemoryTokenStore(),
  tenants: new TenantsFile(path),
  replica: 'replica-1',
})
app.all('/*', async (request) => {
  return { path: request.url, tenant: request.tenant.id }
})
await app.listen({ host: '127.0.0.1', port: 0 })
t.teardown(() => app.close())

/** How long to wait for more where the server may be waiting, too: for the rest of a body that never comes. */
const QUIET_MS = 250

/**
 * Sends these pieces, each in a packet of its own as far as can be, and resolves to what was answered: when the server
 * has closed the connection, or when there is an answer and nothing more comes.
 */
async function exchange(pieces: readonly string[]): Promise<string> {
  const socket = connect({
    port: (app.server.address() as AddressInfo).port,
    host: '127.0.0.1',
    noDelay: true,
  })
  let received = ''
  let changedAt = Number.POSITIVE_INFINITY
  socket.setEncoding('latin1').on('data', (text) => {
    received += text
    changedAt = performance.now()
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(piece, 'latin1', resolve))
  }
  await patiently(() => socket.closed || performance.now() - changedAt > QUIET_MS)
  socket.destroy()
  return received
}

t.test(
  'G9: whatever stands before it on a connection, a request is answered by the tenant that it names',
  async (t) => {
    let followed = 0
    for (const [name, odd] of Object.entries(ODD)) {
      const all = odd + NEXT
      const half = Math.floor(odd.length / 2)
      for (const pieces of [[all], [odd, NEXT], [all.slice(0, half), all.slice(half)]]) {
        const received = await exchange(pieces)
        const served = Array.from(received.matchAll(SERVED), ([, path, tenant]) => ({ path, tenant }))
        for (const { path, tenant } of served) {
          // The path says whose it is; what was hidden in a body is nobody’s.
          t.equal(tenant, path?.split('/')[1], `${name}: ${path} is not answered by ${tenant}`)
        }
        t.match(received, /^HTTP\/1\.1 [245]\d\d /, `${name}: there is an answer`)
        if (served.some(({ path }) => path === '/globex/next')) followed += 1
      }
    }
    t.ok(followed > 0, `${followed} were followed by another`)
  },
)

t.test('what has one meaning is served, and so is what follows it', async (t) => {
  for (const odd of [
    acme(`Host: acme.localhost\r\nContent-Length: ${HIDDEN.length}`, HIDDEN),
    acme('Host: acme.localhost\r\nTransfer-Encoding: chunked', CHUNKED_HIDDEN),
  ]) {
    const received = await exchange([odd + NEXT])
    t.same(
      Array.from(received.matchAll(SERVED), ([, path, tenant]) => [path, tenant]),
      [
        ['/acme/odd', 'acme'],
        ['/globex/next', 'globex'],
      ],
    )
  }
})

t.test(
  'G9: on connections that are kept, each of a thousand requests by turns is answered by its own tenant',
  async (t) => {
    const hosts = {
      acme: ['acme.localhost', 'ACME.localhost.', 'shop.example:80'],
      globex: ['globex.localhost', 'GLOBEX.localhost'],
    }
    for (let connection = 0; connection < 10; connection += 1) {
      const sent: string[] = []
      const pieces = Array.from({ length: 100 }, (_, index) => {
        const tenant = (index * 7 + connection) % 3 === 0 ? 'globex' : 'acme'
        const spellings = hosts[tenant]
        const path = `/${tenant}/${index}`
        if (index % 9 === 8) return `GET ${path} HTTP/1.1\r\nHost: nobody-${index}.example\r\n\r\n`
        sent.push(path)
        const body = index % 4 === 0 ? HIDDEN : ''
        return (
          `POST ${path} HTTP/1.1\r\nHost: ${spellings[index % spellings.length]}\r\nContent-Type: text/plain\r\n` +
          `Content-Length: ${body.length}\r\n\r\n${body}`
        )
      })
      const received = await exchange([...pieces, NEXT])
      const served = Array.from(received.matchAll(SERVED), ([, path, tenant]) => ({ path, tenant }))
      t.same(
        served.map(({ path }) => path),
        [...sent, '/globex/next'],
        'each is answered, in order',
      )
      t.ok(served.every(({ path, tenant }) => path?.startsWith(`/${tenant}/`)))
    }
  },
)
