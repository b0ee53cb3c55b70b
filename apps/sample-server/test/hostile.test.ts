import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { MemoryTokenStore } from '@tenantry/core'
import { ask } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { patiently } from './support/patiently.ts'
import { serve } from './support/serve.ts'
import { adminPortOf, startServer } from './support/start-server.ts'

const acme = { headers: { host: 'acme.localhost' } }

/** A client that never ends its side, and reads what it is told. */
class Lingerer {
  received = ''
  readonly socket: Socket

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    this.socket.setEncoding('latin1').on('data', (text) => {
      this.received += text
    })
    this.socket.on('error', () => {})
    // Whoever says nothing learns only by a word that the other side is gone for good, and not just silent, too.
    this.socket.once('end', () => {
      const probe = setInterval(() => this.socket.write('x'), 200)
      this.socket.once('close', () => clearInterval(probe))
    })
  }

  get isGone(): boolean {
    return this.socket.destroyed
  }

  get status(): string {
    return this.received.slice(9, 12)
  }
}

/** Clients that are connected, and have sent so much. */
function linger(port: number, count: number, bytes: string): Promise<Lingerer[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const client = new Lingerer(port)
      await once(client.socket, 'connect')
      client.socket.write(bytes)
      return client
    }),
  )
}

/** From now on, they send a byte now and then. */
function trickle(t: Test, clients: readonly Lingerer[]): void {
  const timer = setInterval(() => {
    for (const { socket } of clients) if (socket.writable) socket.write('x')
  }, 500)
  t.teardown(() => {
    clearInterval(timer)
    for (const { socket } of clients) socket.destroy()
  })
}

t.test('clients that trickle', async (t) => {
  const server = await startServer(t)
  const head = 'POST /whoami HTTP/1.1\r\nHost: acme.localhost\r\n'
  const silent = await linger(server.port, 50, '')
  const slowHeads = await linger(server.port, 100, `${head}X-Slow: `)
  const beginning = 'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"'
  const slowBodies = await linger(server.port, 50, `${head}${beginning}`)
  const all = [...silent, ...slowHeads, ...slowBodies]
  trickle(t, [...slowHeads, ...slowBodies])
  t.teardown(() => {
    for (const { socket } of silent) socket.destroy()
  })

  t.test('hold nobody up, and are sent away when their time is up', async (t) => {
    const statuses = new Set<number>()
    let asked = 0
    await patiently(async () => {
      statuses.add((await ask(server.port, '/whoami', acme)).status)
      asked += 1
      return all.every(({ isGone }) => isGone)
    })
    t.same([...statuses], [200], `${asked} requests of a client that does not`)
    t.ok(asked > 10)
    t.same([...new Set(slowHeads.map(({ status }) => status))], ['408'])
    t.match(slowHeads[0]?.received, /"code":"SAMPLE_ERR_BAD_REQUEST"/)
  })
})

t.test('a server that ends waits for requests under way, not for clients that trickle', async (t) => {
  const server = await startServer(t, { ADMIN_PORT: '0' })
  const head = 'GET /whoami HTTP/1.1\r\nHost: acme.localhost\r\nX-Slow: '
  const slowHeads = await linger(server.port, 20, head)
  trickle(t, [...slowHeads, ...(await linger(adminPortOf(server), 5, head))])
  // Longer than the others are given to send theirs.
  const slow = ask(server.port, '/slow?ms=6000', acme)
  await patiently(() => server.lines.some((line) => line.includes('answering slowly')))

  const began = performance.now()
  server.child.kill('SIGINT')
  t.equal((await slow).status, 200)
  t.equal(await server.exit, 0)
  const took = performance.now() - began
  t.ok(took < 40_000, `its grace period is longer: it took ${Math.round(took)} ms`)
})

t.test('more headers than are let in', async (t) => {
  const { port, app } = await serve(t)
  const many = (count: number, header: string) =>
    `GET /whoami HTTP/1.1\r\nHost: acme.localhost\r\n${header.repeat(count)}Host: globex.localhost\r\n\r\n`
  const long = 'X: '.concat('x'.repeat(200), '\r\n')

  t.test('are refused, by Node or by the plugin, and their connections end', async (t) => {
    for (const [request, status] of [
      [many(10_000, long), '431'],
      [many(20_000, 'a:\r\n'), '431'],
      // So many that Node leaves the second Host out without a word, and few enough for its limit.
      [many(1100, 'a:\r\n'), '400'],
      [many(3000, 'a:\r\n'), '400'],
    ] as const) {
      const client = new Lingerer(port)
      client.socket.write(request)
      await patiently(() => client.received.includes('}'))
      t.equal(client.status, status)
      t.notMatch(client.received, /"tenant"/)
      if (status === '431') await patiently(() => client.isGone)
      else client.socket.destroy()
    }
  })

  t.test('leave nothing behind, however many clients send them', async (t) => {
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const client = new Lingerer(port)
        client.socket.write(many(index % 2 === 0 ? 200 : 1100, index % 2 === 0 ? long : 'a:\r\n'))
        await patiently(() => client.received.includes('}'))
        client.socket.destroy()
      }),
    )
    t.equal((await ask(port, '/whoami', acme)).status, 200)
    t.equal(app.tenants.stats().leases, 0)
    await patiently(
      () =>
        new Promise<boolean>((resolve) => app.server.getConnections((_error, count) => resolve(count === 0))),
    )
  })
})

t.test('a flood of unknown hosts beside tenants that are asked for', async (t) => {
  const tokens = new MemoryTokenStore()
  const { port, app } = await serve(t, tokens)
  const written: string[] = []
  const claim = tokens.claim.bind(tokens)
  tokens.claim = (key, newToken) => {
    written.push(key)
    return claim(key, newToken)
  }
  t.equal((await ask(port, '/whoami', acme)).status, 200)
  let flooding = 8
  const outcomes = new Map<number, number>()
  const flood = Array.from({ length: flooding }, async (_, client) => {
    for (let count = 0; count < 250; count += 1) {
      const { status } = await ask(port, '/', { headers: { host: `nobody-${client}-${count}.test` } })
      outcomes.set(status, (outcomes.get(status) ?? 0) + 1)
    }
    flooding -= 1
  })
  const normal: number[] = []
  while (flooding > 0) normal.push((await ask(port, '/whoami', acme)).status)
  await Promise.all(flood)

  t.ok(normal.length > 50, `${normal.length} requests beside 2000 of strangers`)
  t.ok(normal.every((status) => status === 200))
  t.ok(
    [...outcomes.keys()].every((status) => status === 404 || status === 503),
    `${[...outcomes]}`,
  )
  t.same(
    written.filter((key) => key.includes('nobody')),
    [],
    'no stranger has a token',
  )
  t.match(app.tenants.stats(), { tenants: 1, leases: 0, draining: 0, lookupsRunning: 0, lookupsWaiting: 0 })
})
