import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { ask, eventually, freePort, startPostgres, startRedis } from '@tenantry/testing'
import t from 'tap'
import type { Restart, RestartsPage } from '../src/api.ts'
import { readEvents } from './support/event-reader.ts'
import { teller } from './support/manager.ts'
import { runToEnd, startManager, startReplica } from './support/processes.ts'

const ACME = { id: 'acme', name: 'Acme', hostnames: ['acme.localhost'], config: { tagline: 'First' } }

t.test('a manager that cannot start says why in a sentence, and ends with 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const port = `${(taken.address() as AddressInfo).port}`
  const free = await freePort()
  const schema = join(t.testdir(), 'schema.json')
  writeFileSync(schema, '{"type":"text"}')

  const mistakes = [
    [{ PORT: 'http' }, /^The environment is not valid\.\n {2}PORT: expected a port, .*got "http"$/],
    [
      { HOST: '0.0.0.0' },
      /^HOST: "0\.0\.0\.0" can be reached from other machines, and MANAGER_API_KEY is not set/,
    ],
    [{ HOST: '::' }, /^HOST: "::" can be reached.* Set MANAGER_API_KEY .* or HOST to 127\.0\.0\.1\.$/],
    [{ HOST: 'two.invalid' }, /^HOST, PORT: getaddrinfo /],
    [
      { MANAGER_API_KEY: 'my secret' },
      /^MANAGER_API_KEY: expected printable ASCII characters without spaces$/,
    ],
    [{ CONFIG_SCHEMA_FILE: '/nowhere.json' }, /^CONFIG_SCHEMA_FILE: .*no such file.*nowhere\.json/],
    [{ CONFIG_SCHEMA_FILE: schema }, /^CONFIG_SCHEMA_FILE: not a valid JSON Schema: .*type/],
    ...['ftp://{hostname}/', 'javascript:{hostname}', 'http://www.example/', 'http://{hostname}:port/'].map(
      (mistake) =>
        [
          { SITE_URL: mistake },
          /^The environment .*\n {2}SITE_URL: expected a URL with \{hostname\} in it/,
        ] as const,
    ),
    [{ DATABASE_URL: `postgres://me@127.0.0.1:${free}/x` }, /^DATABASE_URL: .*ECONNREFUSED/],
    [{ PORT: port }, new RegExp(`^HOST, PORT: listen EADDRINUSE: address already in use 127.0.0.1:${port}$`)],
  ] as const
  // All at once: most of the time goes into starting.
  await Promise.all(
    mistakes.map(async ([mistake, expected]) => {
      const { code, output } = await runToEnd(t, { LOG_LEVEL: 'silent', PORT: '0', ...mistake })
      t.equal(code, 1)
      t.match(output, expected)
      t.notMatch(output, /my secret|\n {4}at /)
    }),
  )
})

t.test('a manager without any configuration keeps everything in memory, and says so', async (t) => {
  const siteUrl = 'http://{hostname}:8080/'
  const manager = await startManager(t, undefined, { SITE_URL: siteUrl })
  t.match(manager.lines.join('\n'), /DATABASE_URL is not set/)
  t.match(manager.lines.join('\n'), /REDIS_URL is not set/)
  t.equal((await manager.tell('POST /api/tenants', ACME)).status, 201)
  const page = await ask(manager.port, '/')
  t.equal(page.status, 200)
  t.match(page.headers, { 'content-type': /text\/html/, 'cache-control': 'no-cache' })
  const [, script] = /src="(\/[^"]+\.js)"/.exec(page.body) ?? []
  const { status, headers } = await ask(manager.port, script as string)
  t.equal(status, 200)
  t.equal(headers['cache-control'], 'public, max-age=31536000, immutable')

  const reader = await readEvents(t, manager.port)
  const first = await reader.until(({ reset }) => reset)
  t.equal(first.siteUrl, siteUrl)
  manager.child.kill('SIGTERM')
  t.equal(await manager.exit, 0, 'open streams do not hold it up')
})

t.test('a manager that ends does not wait for clients that trickle', async (t) => {
  const manager = await startManager(t)
  const clients = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const socket = connect(manager.port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      const head = `POST /api/tenants HTTP/1.1\r\nHost: localhost:${manager.port}\r\n`
      // Half of them a head, half of them a body.
      const body = 'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"'
      socket.write(`${head}${index % 2 === 0 ? 'X-Slow: ' : body}`)
      return socket
    }),
  )
  const trickle = setInterval(() => {
    for (const socket of clients) if (socket.writable) socket.write('x')
  }, 500)
  t.teardown(() => clearInterval(trickle))
  // What was sent has arrived: it was sent before this is.
  t.equal((await ask(manager.port, '/healthz')).status, 200)
  manager.child.kill('SIGINT')
  t.equal(await manager.exit, 0, 'its grace period would end it with 1')
})

t.test('a manager for all addresses has a key', async (t) => {
  const manager = await startManager(t, undefined, { HOST: '0.0.0.0', MANAGER_API_KEY: 'short' })
  t.match(manager.lines.join('\n'), /MANAGER_API_KEY is short/)
  t.equal((await manager.tell('GET /api/tenants')).status, 401)
  t.equal((await teller(manager.port, { authorization: 'Bearer short' })('GET /api/tenants')).status, 200)
  t.equal(await manager.stop('SIGINT'), 0)
})

t.test('a manager and two replicas, on a Redis and a Postgres', async (t) => {
  const [redis, postgres] = await Promise.all([startRedis(), startPostgres()])
  t.teardown(() => Promise.all([redis.stop(), postgres.stop()]))
  const places = { redisUrl: redis.url, databaseUrl: await postgres.newDatabase() }
  const { tell, port } = await startManager(t, places)
  const replicas = [await startReplica(t, places, 'one'), await startReplica(t, places, 'two')]
  const served = (host: string) => Promise.all(replicas.map((replica) => replica.tagline(host)))
  /** Those of the history that are not written. */
  async function unwritten(): Promise<Restart[]> {
    const { restarts } = (await tell('GET /api/restarts?limit=1000')).reply as RestartsPage
    return restarts.filter(({ writtenAt }) => writtenAt === null)
  }
  await tell('POST /api/tenants', ACME)

  t.test('a restart is seen to arrive at each replica', async (t) => {
    t.same(await served('acme.localhost'), ['First', 'First'])
    t.equal((await tell('POST /api/tenants/acme/restart', { reason: 'to see it' })).status, 200)
    t.same(await served('acme.localhost'), ['First', 'First'])
    const { replicas } = await eventually(async () => {
      const { reply } = await tell('GET /api/tenants/acme/convergence')
      return reply.converged && reply.counts.current === 2 && reply
    })
    t.match(replicas, [{ replica: 'one' }, { replica: 'two' }])
    t.match((await tell('GET /api/replicas')).reply.replicas, [
      { replica: 'one', tenants: 1 },
      { replica: 'two' },
    ])
  })

  t.test('a build that fails is told with its reason', async (t) => {
    const config = { theme: 7 }
    await tell('POST /api/tenants', { id: 'globex', name: 'Globex', hostnames: ['globex.localhost'], config })
    t.same(await served('globex.localhost'), [503, 503])
    const { replicas, converged } = await eventually(async () => {
      const { reply } = await tell('GET /api/tenants/globex/convergence')
      return reply.counts.failed === 2 && reply
    })
    t.equal(converged, false)
    t.match(replicas[0], { state: 'failed', reason: /theme/ })
  })

  t.test('what is changed while Redis is away is committed, and arrives at an empty one', async (t) => {
    await redis.kill()
    const changed = await tell('PATCH /api/tenants/acme', { version: 1, config: { tagline: 'Second' } })
    t.equal(changed.status, 202)
    t.match(changed.reply, { written: false, config: { tagline: 'Second' } })
    t.equal((await tell('POST /api/tenants/acme/restart')).status, 202)
    t.equal((await tell('POST /api/restart', { all: true })).status, 202)
    const { reply } = await tell('GET /api/replicas')
    t.match(reply, { statusCode: 503, code: 'MANAGER_ERR_HEARTBEATS_UNREADABLE' })
    t.equal((await unwritten()).length, 3)
    await redis.restart()
    await eventually(async () => (await unwritten()).length === 0, { timeoutMs: 20_000 })
    t.same(await served('acme.localhost'), ['Second', 'Second'])
    const last = (await tell('GET /api/restarts?limit=1')).reply.restarts[0]
    t.ok((await redis.cli('GET', 'tenantry:all')).startsWith(`${last.id}.`))
  })

  t.test('what an operator flushes is written again, with new values', async (t) => {
    const before = await redis.cli('GET', 'tenantry:tenant:acme')
    await redis.cli('FLUSHALL')
    const [id] = before.split('.')
    // A replica may be quicker, and claim a token of its own: that one is written over.
    await eventually(async () => (await redis.cli('GET', 'tenantry:tenant:acme')).startsWith(`${id}.`), {
      timeoutMs: 20_000,
    })
    t.not(await redis.cli('GET', 'tenantry:tenant:acme'), before, 'R5')
    t.same(await served('acme.localhost'), ['Second', 'Second'])
  })

  t.test('while Postgres is away, nothing is changed, and tenants go on', async (t) => {
    await postgres.kill()
    const { status, headers, reply } = await tell('POST /api/tenants/acme/restart')
    t.equal(status, 503)
    t.match(reply, { code: 'TENANTRY_ERR_AUTHORITY_UNREACHABLE' })
    t.match(headers['retry-after'], /^\d+$/)
    t.same(await served('acme.localhost'), ['Second', 'Second'])
    t.equal((await ask(port, '/healthz')).status, 200)
    await postgres.restart()
    const restart = async () => (await tell('POST /api/tenants/acme/restart')).status === 200
    await eventually(restart, { timeoutMs: 20_000 })
    t.same(await served('acme.localhost'), ['Second', 'Second'])
  })
})
