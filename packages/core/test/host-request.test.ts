import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type Http2ServerRequest,
} from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import t, { type Test } from 'tap'
import { quote, type TenantryError } from '../src/errors.ts'
import { type HostedRequest, requestHostname } from '../src/host.ts'

t.test('G9: a request names one host', async (t) => {
  t.equal(requestHostname(request({ Host: 'Acme.Example:80' })), 'acme.example')
  t.equal(requestHostname(request({ hOsT: 'acme', Via: 'host', Date: 'host' })), 'acme')
  t.equal(requestHostname(request({ Host: 'acme' }, '//other/path')), 'acme', 'a path is not an authority')
  t.equal(requestHostname(request({ Host: 'acme' }, '/?to=http://other/')), 'acme')
  t.equal(requestHostname(request({ Host: 'acme' }, '*')), 'acme')
  t.equal(requestHostname({ headers: { host: 'acme' }, rawHeaders: ['Host', 'acme'] }), 'acme')

  for (const [headers, message] of [
    [{}, 'The request names no host'],
    [{ Host: '' }, 'Invalid host "": there is no name in it'],
    [{ Host: 'a, b' }, 'Invalid host "a, b": it has the character ","'],
    [{ Host: 'acme', hOST: 'other' }, 'Invalid host "other": it is in a second Host header'],
    [{ host: 'acme', Host: 'acme' }, 'Invalid host "acme": it is in a second Host header'],
  ] as const) {
    refuses(t, () => requestHostname(request(headers)), message)
  }
  const several = { headers: { host: ['acme', 'acme'] }, rawHeaders: [] }
  refuses(t, () => requestHostname(several), 'Invalid host an array: the request names more than one')
})

t.test('G9: a target in absolute form that disagrees with Host is refused', async (t) => {
  for (const url of [
    'http://acme.example/x',
    'HTTPS://ACME.example.:443',
    'http://acme.example:80?x',
    'a+b://acme.example#x',
  ]) {
    t.equal(requestHostname(request({ Host: 'acme.example' }, url)), 'acme.example', url)
  }
  for (const [url, message] of [
    ['http://other.example/', 'Invalid host "acme.example": the target names "other.example"'],
    ['http://acme.example\\x/', 'Invalid host "acme.example": the target names "acme.example\\\\x"'],
    ['http://acme.example:http/', 'Invalid host "acme.example": the target names "acme.example:http"'],
    ['http:///acme.example', 'Invalid host "acme.example": the target names ""'],
    ['http://user@acme.example/', 'Invalid host "user@acme.example": it has user info'],
    ['http://acme.example@other/', 'Invalid host "acme.example@other": it has user info'],
  ] as const) {
    refuses(t, () => requestHostname(request({ Host: 'acme.example' }, url)), message)
  }
  refuses(
    t,
    () => requestHostname(request({}, 'http://acme.example/')),
    'Invalid host undefined: the target names "acme.example"',
  )
})

t.test('G9: an :authority that disagrees with Host is refused', async (t) => {
  t.equal(requestHostname(request({ ':authority': 'Acme.example:8443' })), 'acme.example')
  t.equal(
    requestHostname(request({ ':authority': 'acme.example', host: 'ACME.example.:80' })),
    'acme.example',
  )

  for (const [headers, message] of [
    [{ ':authority': 'other', host: 'acme' }, 'Invalid host "acme": :authority names "other"'],
    [{ ':authority': 'a..b', host: 'a..b' }, 'Invalid host "a..b": it has an empty label'],
    [{ ':authority': 'user@acme' }, 'Invalid host "user@acme": it has user info'],
  ] as const) {
    refuses(t, () => requestHostname(request(headers)), message)
  }
})

t.test('G9: a forwarded host is the name, and Host is whatever the proxy calls this server by', async (t) => {
  for (const host of ['10.0.0.7:3000', '[::1]:3000', 'internal', 'a..b', '']) {
    t.equal(requestHostname(request({ Host: host }), 'Acme.example:443'), 'acme.example', quote(host))
  }
  t.equal(requestHostname(request({}), 'acme.example'), 'acme.example')
  t.equal(requestHostname(request({ Host: '[::1]:80' }, 'http://[::1]:80/'), 'acme'), 'acme')
  t.equal(requestHostname(request({ Host: 'Internal' }, 'http://internal:80/'), 'acme'), 'acme')
  t.equal(requestHostname(request({ ':authority': '[::1]', host: '[::1]' }), 'acme'), 'acme')

  for (const [forwarded, message] of [
    ['', 'Invalid host "": there is no name in it'],
    ['a, b', 'Invalid host "a, b": it has the character ","'],
    ['10.0.0.7', 'Invalid host "10.0.0.7": it is an IP address'],
    ['user@acme', 'Invalid host "user@acme": it has the character "@"'],
  ] as const) {
    refuses(t, () => requestHostname(request({ Host: 'acme' }), forwarded), message)
  }
  for (const [host, target, message] of [
    ['[::1]:80', '[::1]', 'Invalid host "[::1]:80": the target names "[::1]"'],
    ['[::1]', 'acme', 'Invalid host "[::1]": the target names "acme"'],
    ['acme', '[::1]', 'Invalid host "acme": the target names "[::1]"'],
    ['user@acme', 'user@acme', 'Invalid host "user@acme": it has user info'],
  ] as const) {
    refuses(t, () => requestHostname(request({ Host: host }, `http://${target}/`), 'acme'), message)
  }
  refuses(
    t,
    () => requestHostname(request({}, 'http://acme/'), 'acme'),
    'Invalid host undefined: the target names "acme"',
  )
  refuses(
    t,
    () => requestHostname(request({ Host: 'internal', host: 'internal' }), 'acme'),
    'Invalid host "internal": it is in a second Host header',
  )
})

t.test('G9: requests of node:http and node:http2 are read as they come', async (t) => {
  const heard: string[] = []
  function hear(request: IncomingMessage | Http2ServerRequest): void {
    try {
      heard.push(requestHostname(request))
    } catch (error) {
      heard.push((error as TenantryError).message)
    }
  }

  const server = createServer((request, response) => {
    hear(request)
    response.end()
  }).listen(0, '127.0.0.1')
  const http2Server = createHttp2Server((request, response) => {
    hear(request)
    response.end()
  }).listen(0, '127.0.0.1')
  await Promise.all([once(server, 'listening'), once(http2Server, 'listening')])
  const session = connectHttp2(`http://127.0.0.1:${(http2Server.address() as AddressInfo).port}`)
  t.teardown(() => {
    session.close()
    http2Server.close()
    server.close()
  })

  async function send(head: string): Promise<string | undefined> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.end(`${head}Connection: close\r\n\r\n`, 'latin1')
    await once(socket.resume(), 'close')
    return heard.pop()
  }
  async function sendHttp2(headers: Record<string, string>): Promise<string | undefined> {
    await once(session.request(headers).resume(), 'close')
    return heard.pop()
  }

  t.equal(await send('GET / HTTP/1.1\r\nHost: \t Acme.example:80 \r\n'), 'acme.example')
  t.equal(
    await send('GET / HTTP/1.1\r\nHost: acme\r\nX: y\r\nhOST: acme\r\n'),
    'Invalid host "acme": it is in a second Host header',
  )
  t.equal(
    await send('GET / HTTP/1.1\r\nHost: b\xfccher\r\n'),
    'Invalid host "bücher": it has the character "ü"',
  )
  t.equal(await send('GET / HTTP/1.1\r\nHost:\r\n'), 'Invalid host "": there is no name in it')
  t.equal(await send('GET / HTTP/1.0\r\n'), 'The request names no host')
  t.equal(await send('GET HTTP://acme HTTP/1.1\r\nHost: ACME\r\n'), 'acme')
  t.equal(
    await send('GET http://other/ HTTP/1.1\r\nHost: acme\r\n'),
    'Invalid host "acme": the target names "other"',
  )

  t.equal(await sendHttp2({ ':authority': 'acme.example' }), 'acme.example')
  t.equal(await sendHttp2({ host: 'acme.example' }), 'acme.example')
  t.equal(await sendHttp2({ ':authority': 'acme.example:80', host: 'acme.example' }), 'acme.example')
  t.equal(
    await sendHttp2({ ':authority': 'acme.example', host: 'other' }),
    'Invalid host "other": :authority names "acme.example"',
  )
})

/** A request as Node hands it over: of two Host headers, `headers` has the first. */
function request(headers: Record<string, string>, url = '/'): HostedRequest {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return { headers: Object.fromEntries(entries.reverse()), rawHeaders: Object.entries(headers).flat(), url }
}

function refuses(t: Test, parse: () => string, message: string): void {
  t.throws(parse, { code: 'TENANTRY_ERR_HOST_INVALID', statusCode: 400, message }, message)
}
