import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import { clientErrorHandler, endLingeringConnections } from '../src/index.ts'

/** Longer than any of these connections may last. Node by itself would end them later, or never. */
const PATIENCE_MS = 20_000

interface Client {
  readonly socket: Socket
  /** Resolves when the connection is gone. */
  readonly gone: Promise<void>
  received: string
}

interface Served {
  readonly app: FastifyInstance
  /** Resolves when the server has the connection, and has been sent all of `bytes`. */
  open(bytes: string, allowHalfOpen?: boolean): Promise<Client>
}

async function serve(
  t: Test,
  options: FastifyServerOptions,
  prepare: (app: FastifyInstance) => void,
): Promise<Served> {
  const app = Fastify({ ...options, return503OnClosing: false })
  prepare(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const sockets: Socket[] = []
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await app.close()
  })

  async function open(bytes: string, allowHalfOpen = false): Promise<Client> {
    const accepted = once(app.server, 'connection') as Promise<[Socket]>
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen })
    sockets.push(socket)
    const gone = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    const client = { socket, gone, received: '' }
    socket.on('error', () => {})
    socket.setEncoding('latin1').on('data', (text) => {
      client.received += text
    })
    socket.write(bytes)
    const [peer] = await accepted
    while (peer.bytesRead < bytes.length) await new Promise(setImmediate)
    return client
  }
  return { app, open }
}

t.test('a client that is refused may read why, and is not waited for when it does not leave', async (t) => {
  const { app, open } = await serve(t, { clientErrorHandler: clientErrorHandler('TEST_ERR') }, () => {})
  const accepted = once(app.server, 'connection') as Promise<[Socket]>
  const client = await open('this is no HTTP\r\n\r\n', true)
  const [peer] = await accepted
  await once(client.socket, 'end')
  t.match(client.received, /^HTTP\/1\.1 400 Bad Request\r\n.*"code":"TEST_ERR"/s)
  t.notOk(peer.destroyed, 'it has had a moment to read that')
  await once(peer, 'close', { signal: AbortSignal.timeout(PATIENCE_MS) })
  t.pass('its connection is gone, though it has not ended its side')
})

t.test('an app that closes', async (t) => {
  const release = new EventEmitter()
  const released = once(release, 'release')
  const { app, open } = await serve(t, {}, (app) => {
    endLingeringConnections(app)
    app.get('/', async () => 'at once')
    app.post('/', async () => 'at once')
    app.get('/slow', async () => {
      await released
      return 'in the end'
    })
  })
  const head = (line: string) => `${line} HTTP/1.1\r\nHost: localhost\r\n`
  const whole = `${head('GET /')}\r\n`
  const body = (length: number) =>
    `${head('POST /')}Content-Type: text/plain\r\nContent-Length: ${length}\r\n\r\nx`
  const clients = {
    'trickles a head': await open(head('GET /')),
    'trickles a body': await open(body(1000)),
    'trickles a head after an answer': await open(whole),
    'completes its head': await open(head('GET /')),
    'completes its body': await open(body(10)),
    'waits for an answer': await open(`${head('GET /slow')}\r\n`),
    'waits for an answer, and trickles behind it': await open(`${head('GET /slow')}\r\n${head('GET /')}`),
    'waits for an answer to a request with a body': await open(
      `${head('GET /slow')}Content-Length: 1\r\n\r\nx`,
    ),
    'has been answered': await open(whole),
    'has sent nothing': await open(''),
  }
  type Who = keyof typeof clients
  const answered: Who[] = ['trickles a head after an answer', 'has been answered']
  for (const who of answered) {
    while (!clients[who].received.endsWith('at once')) await once(clients[who].socket, 'data')
  }
  clients['trickles a head after an answer'].socket.write('GET')
  const gone: Who[] = []
  for (const [who, client] of Object.entries(clients)) client.gone.then(() => gone.push(who as Who))
  const trickle = setInterval(() => {
    for (const [who, { socket }] of Object.entries(clients)) if (/trickles/.test(who)) socket.write('x')
  }, 100)
  t.teardown(() => clearInterval(trickle))
  const untilGone = (...those: Who[]) => Promise.all(those.map((who) => clients[who].gone))

  const began = performance.now()
  const closed = app.close()
  await untilGone('has sent nothing', 'has been answered')
  t.same(gone.toSorted(), ['has been answered', 'has sent nothing'], 'who asks for nothing goes first')

  clients['completes its head'].socket.write('\r\n')
  clients['completes its body'].socket.write('x'.repeat(9))
  await untilGone('completes its head', 'completes its body')
  for (const who of ['completes its head', 'completes its body'] as const) {
    t.match(clients[who].received, /^HTTP\/1\.1 200 OK\r\n.*at once$/s, 'who hurries is answered')
  }

  await untilGone('trickles a head', 'trickles a body', 'trickles a head after an answer')
  t.ok(performance.now() - began < PATIENCE_MS)
  const slow: Who[] = [
    'waits for an answer',
    'waits for an answer, and trickles behind it',
    'waits for an answer to a request with a body',
  ]
  t.same(
    gone.filter((who) => slow.includes(who)),
    [],
    'requests under way are left alone',
  )
  release.emit('release')
  await closed
  t.ok(performance.now() - began < PATIENCE_MS, 'nobody else holds it up')
  await untilGone(...slow)
  for (const who of slow) t.match(clients[who].received, /^HTTP\/1\.1 200 OK\r\n.*in the end$/s, who)
})
