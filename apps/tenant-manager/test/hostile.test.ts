import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { type Clock, systemClock, type Timer } from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'
import { eventually, startRedis } from '@tenantry/testing'
import Fastify from 'fastify'
import t from 'tap'
import { serverOptions, tenantManager } from '../src/app.ts'
import { CommitQueue } from '../src/commit-queue.ts'
import { type Manager, postgresFor, serve, teller } from './support/manager.ts'

const KEY = 'a-key-of-more-than-20-characters'

const postgres = await postgresFor(t)

/** Sends bytes, and resolves to all that comes back until the other side closes. */
function send(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('utf8').on('data', (text) => {
      received += text
    })
    socket.on('close', () => resolve(received)).on('error', reject)
  })
}

/** Has the next call of a method of the authority wait for {@link go}. */
function hold<Name extends 'restart' | 'changeTenant'>({ authority }: Manager, name: Name) {
  const method = authority[name].bind(authority) as (...args: unknown[]) => Promise<never>
  let go: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  let arrived: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    arrived = resolve
  })
  authority[name] = (async (...args: unknown[]) => {
    arrived()
    await gate
    return await method(...args)
  }) as never
  return { held, go }
}

t.test('the key', async (t) => {
  const { port } = await serve(t, postgres, { apiKey: KEY })
  const tell = teller(port)

  t.test('is sent by the scheme Bearer, and by no other', async (t) => {
    for (const authorization of [KEY, `Basic ${KEY}`, `Bearer${KEY}`, `Bearer Bearer ${KEY}`]) {
      t.equal((await tell('GET /api/tenants', undefined, { authorization })).status, 401, authorization)
    }
  })

  t.test('lets its holder in, however often strangers call from the same address', async (t) => {
    for (let batch = 0; batch < 31; batch += 1) {
      await Promise.all(
        Array.from({ length: 200 }, async () => {
          const response = await fetch(`http://127.0.0.1:${port}/api/replicas`)
          await response.arrayBuffer()
        }),
      )
    }
    const authorization = `Bearer ${KEY}`
    t.equal((await tell('GET /api/tenants', undefined, { authorization })).status, 200)
  })
})

t.test('without a key', async (t) => {
  const { tell, tokens, authority, heartbeats } = await serve(t, postgres)
  const all = { all: true }

  t.test('what a proxy passes on is refused: anybody may have sent it', async (t) => {
    for (const name of ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']) {
      const { status, reply } = await tell('POST /api/restart', all, { [name]: '127.0.0.1' })
      t.equal(status, 403, name)
      t.match(reply, { code: 'MANAGER_ERR_FORBIDDEN', message: /proxy/ })
    }
    t.same(await tokens.read(['all']), [null])
  })

  t.test('a page of another site cannot open streams by way of images, but may lead here', async (t) => {
    for (const site of ['cross-site', 'same-site']) {
      const image = { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' }
      t.equal((await tell('GET /api/tenants', undefined, image)).status, 403, site)
      t.equal(
        (await tell('GET /docs/json', undefined, { ...image, 'sec-fetch-mode': 'navigate' })).status,
        200,
      )
    }
    for (const site of ['same-origin', 'none']) {
      t.equal((await tell('GET /api/tenants', undefined, { 'sec-fetch-site': site })).status, 200, site)
    }
  })

  t.test('it answers to the loopback address that it listens on, whichever that is', async (t) => {
    const app = Fastify(serverOptions)
    t.teardown(() => app.close())
    await app.register(tenantManager, { authority, tokens, heartbeats })
    await app.listen({ host: '127.0.0.2', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const statusOf = async (host: string) => {
      const outgoing = request({ host: '127.0.0.2', port, path: '/api/tenants', headers: { host } }).end()
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
      response.resume()
      return response.statusCode
    }
    t.equal(await statusOf(`127.0.0.2:${port}`), 200)
    t.equal(await statusOf(`127.0.0.3:${port}`), 403)
  })
})

t.test('what is no request for anything here', async (t) => {
  const { port, tell, log } = await serve(t, postgres)

  t.test('is answered as every refusal is, also what is no HTTP', async (t) => {
    const requests: [string, number][] = [
      ['\x16\x03\x01\x02\r\n\r\n', 400],
      [`GET / HTTP/1.1\r\nHost: localhost:${port}\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ]
    for (const [bytes, statusCode] of requests) {
      const [head = '', body = ''] = (await send(port, bytes)).split('\r\n\r\n')
      t.match(head, new RegExp(`^HTTP/1\\.1 ${statusCode} `))
      t.match(JSON.parse(body), { statusCode, code: 'MANAGER_ERR_BAD_REQUEST', message: /./ })
    }
  })

  t.test('is no failure of ours, where it asks for a file that is not there, or a part of one', async (t) => {
    for (const path of [
      '/docs/static/%2e%2e/%2e%2e/package.json',
      '/docs/static/..%2f..%2fpackage.json',
      '/..%2f',
    ]) {
      const { status, reply } = await tell(`GET ${path}`)
      t.equal(status, 404, path)
      t.match(reply, { statusCode: 404, code: 'MANAGER_ERR_NOT_FOUND' })
    }
    for (const [name, value, status] of [
      ['range', 'bytes=99999999-', 416],
      ['if-match', '"another"', 412],
    ] as const) {
      const { reply } = await tell('GET /docs/static/index.css', undefined, { [name]: value })
      t.match(reply, { statusCode: status, code: 'MANAGER_ERR_REQUEST_INVALID', message: /./ })
    }
    t.notMatch(log.join(''), /"level":50/)
  })

  t.test('is no tenant that no URL could name', async (t) => {
    for (const id of ['.', '..']) {
      const { status, reply } = await tell('POST /api/tenants', { id, name: 'Dots' })
      t.equal(status, 400)
      t.strictSame(reply.problems, [{ path: '/id', message: `expected another value, got "${id}"` }])
    }
  })

  t.test('is told in a word where a million things are wrong with it', async (t) => {
    const crowd = new Array(1_000_000).fill(0)
    for (const [line, field] of [
      ['POST /api/restart', 'tenants'],
      ['POST /api/tenants', 'hostnames'],
    ] as const) {
      const { status, reply } = await tell(line, { [field]: crowd })
      t.equal(status, 400)
      t.strictSame(reply.problems, [
        { path: `/${field}`, message: 'expected at most 10000 items, got 1000000' },
      ])
    }
    const fields = Object.fromEntries(Array.from({ length: 1000 }, (_, place) => [`field-${place}`, 0]))
    const { reply } = await tell('POST /api/config-check', fields)
    t.strictSame(reply.problems, [{ path: '', message: 'expected at most 100 fields, got 1000' }])
  })
})

t.test('a check that would take years is ended after a second, and nothing is saved', async (t) => {
  const configSchema = {
    type: 'object',
    properties: {
      mail: { type: 'string', maxLength: 100, pattern: '^(a+)+$' },
      list: { type: 'array', maxItems: 100, uniqueItems: true },
    },
  }
  const { tell, authority, tokens, heartbeats } = await serve(t, postgres, { configSchema })
  const message = 'expected values that are checked within 1000 ms'
  for (const config of [
    { mail: `${'a'.repeat(200)}!` },
    { list: Array.from({ length: 60_000 }, (_, place) => ({ place })) },
  ]) {
    const { reply } = await tell('POST /api/config-check', { config })
    t.strictSame(reply.problems, [{ path: '/config', message }])
    const refused = await tell('POST /api/tenants', { id: 'slow', name: 'Slow', config })
    t.match(refused.reply, { statusCode: 400, code: 'MANAGER_ERR_CONFIG_INVALID' })
  }
  t.equal((await tell('GET /api/tenants/slow')).status, 404)
  t.equal(
    (await tell('POST /api/tenants', { id: 'fine', name: 'Fine', config: { mail: 'aaa' } })).status,
    201,
  )

  // Its answer would be a promise: every configuration would pass.
  const app = Fastify(serverOptions)
  t.teardown(() => app.close())
  const asynchronous = { $async: true, type: 'object', required: ['plan'] }
  await app.register(tenantManager, { authority, tokens, heartbeats, configSchema: asynchronous })
  await t.rejects(async () => void (await app.ready()), { name: 'ConfigSchemaError', message: /\$async/ })
})

t.test('changes', async (t) => {
  t.test('wait for each other, so that those who read need not; none is lost', async (t) => {
    const manager = await serve(t, postgres)
    const { tell } = manager
    await tell('POST /api/tenants', { id: 'acme', name: 'Acme' })
    let running = 0
    let most = 0
    const restart = manager.authority.restart.bind(manager.authority)
    manager.authority.restart = async (...args) => {
      running += 1
      most = Math.max(most, running)
      return await restart(...args).finally(() => {
        running -= 1
      })
    }
    const answers = Promise.all(Array.from({ length: 100 }, () => tell('POST /api/tenants/acme/restart')))
    const statuses = new Set((await answers).map(({ status }) => status))
    t.same([...statuses], [200])
    t.equal(most, 6)
  })

  t.test('are let in as they came; those for whom there is no room, or no time, are told', async (t) => {
    const due = new Set<() => void>()
    const clock: Clock = {
      ...systemClock,
      setTimeout(run) {
        due.add(run)
        return { run, unref() {} } as Timer
      },
      clearTimeout: (timer) => void due.delete((timer as Timer & { run(): void }).run),
    }
    const queue = new CommitQueue(clock)
    const ends: (() => void)[] = []
    const order: number[] = []
    const commit = (place: number) => () => {
      order.push(place)
      return new Promise<number>((resolve) => ends.push(() => resolve(place)))
    }
    const settled = Array.from({ length: 2006 }, (_, place) =>
      queue.run(commit(place)).catch((error) => error.code),
    )
    t.same(order, [0, 1, 2, 3, 4, 5])
    await t.rejects(queue.run(commit(-1)), { statusCode: 503, code: 'MANAGER_ERR_BUSY', retryAfterMs: 1000 })
    ends[0]?.()
    await settled[0]
    await eventually(() => order.length === 7)
    t.equal(order[6], 6)
    for (const run of due) run()
    t.equal(await settled[6 + 1], 'MANAGER_ERR_BUSY')
    t.equal(await settled[2005], 'MANAGER_ERR_BUSY')
    for (const end of ends) end()
    t.same(await Promise.all(settled.slice(0, 7)), [0, 1, 2, 3, 4, 5, 6])
    t.equal(await queue.run(async () => 'free'), 'free', 'and the places are free again')
  })

  t.test('are completed when whoever asked has gone away', async (t) => {
    const manager = await serve(t, postgres)
    const { tell, tokens, port, log } = manager
    const { token } = (await tell('POST /api/tenants', { id: 'acme', name: 'Acme' })).reply
    /** The reconciler would write it, too, some time later. */
    const restarted = () => log.filter((line) => line.includes('"msg":"restarted"')).length
    const { held, go } = hold(manager, 'changeTenant')
    const body = JSON.stringify({ version: 1, config: { tagline: 'New' } })
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(
        `PATCH /api/tenants/acme HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${body.length}\r\n\r\n${body}`,
      ),
    )
    await held
    socket.destroy()
    await once(socket, 'close')
    go()
    await eventually(() => restarted() === 2)
    t.not((await tokens.read(['tenant:acme']))[0], token)
    t.match((await tell('GET /api/tenants/acme')).reply, { version: 2, config: { tagline: 'New' } })
  })

  t.test('that are under way when the manager ends are answered; what comes then is sent away', async (t) => {
    const manager = await serve(t, postgres)
    const { app, port, tell } = manager
    await tell('POST /api/tenants', { id: 'acme', name: 'Acme' })
    const { held, go } = hold(manager, 'restart')
    const head = `HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Length: 0\r\n\r\n`
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(`POST /api/tenants/acme/restart ${head}`))
    socket.setEncoding('utf8').on('data', (text) => {
      received += text
    })
    await held
    const closing = app.close()
    await eventually(() => !app.server.listening)
    socket.write(`POST /api/tenants/acme/restart ${head}`)
    go()
    await eventually(() => received.includes('MANAGER_ERR_CLOSING'))
    await closing
    t.match(received, /^HTTP\/1\.1 200 OK\r\n[\s\S]*"written":true\}HTTP\/1\.1 503 Service Unavailable\r\n/)
    t.match(received, /retry-after: 1\r\n/)
  })
})

t.test('a database or a store that is silent', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const tokens = new RedisTokenStore(redis.url)
  t.teardown(() => tokens.close())
  const { tell } = await serve(t, postgres, { tokens })
  const restart = async () => (await tell('POST /api/tenants/acme/restart')).status
  for (const id of ['acme', 'globex']) await tell('POST /api/tenants', { id, name: id })
  const asks: [string, unknown?][] = [
    ['GET /api/tenants'],
    ['POST /api/tenants', { id: 'initech', name: 'Initech' }],
    ['GET /api/tenants/acme'],
    ['PATCH /api/tenants/acme', { version: 1, name: 'A' }],
    ['POST /api/tenants/acme/hostnames', { hostname: 'acme.example' }],
    ['DELETE /api/tenants/acme/hostnames/acme.example'],
    ['POST /api/tenants/acme/restart'],
    ['POST /api/restart', { tenants: ['acme'] }],
    ['POST /api/restart', { all: true }],
    ['DELETE /api/tenants/globex'],
    ['GET /api/restarts'],
    ['GET /api/tenants/acme/convergence'],
  ]

  t.test('is no failure of ours: each route says so in good time', async (t) => {
    postgres.pause()
    t.teardown(() => postgres.resume())
    const began = Date.now()
    const answers = await Promise.all(asks.map(([line, body]) => tell(line, body)))
    t.ok(Date.now() - began < 15_000, `${Date.now() - began} ms`)
    for (const [index, { status, headers, reply }] of answers.entries()) {
      t.equal(status, 503, `${asks[index]?.[0]}`)
      t.equal(headers['retry-after'], '1')
      t.match(reply, { code: 'TENANTRY_ERR_AUTHORITY_UNREACHABLE' })
    }
    t.equal((await tell('GET /healthz')).status, 200)
  })

  t.test('does not keep a change from being committed', async (t) => {
    await eventually(async () => (await restart()) === 200, { timeoutMs: 20_000 })
    redis.pause()
    t.teardown(() => redis.resume())
    for (const [line, body] of asks.filter(([line]) => !line.startsWith('GET'))) {
      const began = Date.now()
      const { status } = await tell(line, body)
      t.equal(status, 202, line)
      t.ok(Date.now() - began < 5000, `${Date.now() - began} ms`)
    }
  })
})

t.test('every code that the manager answers with is in its README', (t) => {
  const folder = new URL('../src', import.meta.url).pathname
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const source = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('')
  const readme = readFileSync(join(folder, '../README.md'), 'utf8')
  const codesIn = (text: string) => [...new Set(text.match(/\bMANAGER_ERR_[A-Z_]+[A-Z]\b/g))].sort()
  t.same(codesIn(readme), codesIn(source))
  t.end()
})
