import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { ask, eventually, startRedis } from '@tenantry/testing'
import t from 'tap'
import { runToEnd, startServer } from './support/start-server.ts'
import { tenantsFixture } from './support/tenants-fixture.ts'

const ACME = { name: 'Acme', hostnames: ['acme.localhost'] }
const GLOBEX = { name: 'Globex', hostnames: ['globex.localhost'] }
const acme = { headers: { host: 'acme.localhost' } }

t.test('a server that cannot start says why in a sentence, and ends with 1', async (t) => {
  const { path, write } = tenantsFixture(t.testdir(), {})
  write({ acme: { name: 'Acme' } })
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const port = `${(taken.address() as AddressInfo).port}`

  for (const [environment, expected] of [
    [
      { PORT: 'http' },
      'The environment is not valid.\n  PORT: expected a port, 0 to 65535 (0: any that is free), got "http"',
    ],
    [
      { HOST: 'two words' },
      'The environment is not valid.\n  HOST: expected a host name or an IP address, got "two words"',
    ],
    [
      { REPLICA_ID: 'a b' },
      'The environment is not valid.\n  REPLICA_ID: expected 1 to 128 printable ASCII characters without spaces, got "a b"',
    ],
    [
      { DATABASE_URL: 'mysql://me:secret@127.0.0.1/db' },
      'The environment is not valid.\n  DATABASE_URL: expected a URL such as postgres://user@127.0.0.1:5432/tenantry, got "mysql://…"',
    ],
    [
      { ADMIN_PORT: '65536', CHECK_MAX_AGE_MS: '300001', NOTICE_MS: '1.5' },
      [
        'The environment is not valid.',
        '  ADMIN_PORT: expected a port, 0 to 65535 (0: any that is free), got "65536"',
        '  CHECK_MAX_AGE_MS: expected milliseconds, an integer from 1 to 300000, got "300001"',
        '  NOTICE_MS: expected milliseconds, an integer from 0 to 60000, got "1.5"',
      ].join('\n'),
    ],
    [
      { TENANTS_FILE: path },
      `TENANTS_FILE: The tenants file ${path} cannot be used: tenants.acme.hostnames: expected an array, got nothing`,
    ],
    [{ PORT: port }, `HOST, PORT: listen EADDRINUSE: address already in use 127.0.0.1:${port}`],
    [
      { ADMIN_PORT: port },
      `ADMIN_HOST, ADMIN_PORT: listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    ],
  ] as const) {
    t.same(await runToEnd(t, environment), { code: 1, output: expected })
  }
})

t.test('a server without any configuration serves the sample tenants from memory', async (t) => {
  const server = await startServer(t)
  const { tenant, replica } = (await ask(server.port, '/whoami', acme)).json()
  t.match(tenant, { id: 'acme', name: 'Acme' })
  t.match(replica, new RegExp(`-${server.pid}$`))
  t.equal((await ask(server.port, '/', acme)).status, 200)
  t.match(JSON.parse(server.lines[0] as string), { level: 30, msg: /Server listening/ })
  t.equal(await server.stop('SIGINT'), 0)
})

t.test('a server that is asked to end answers the requests under way first', async (t) => {
  const server = await startServer(t, { REPLICA_ID: 'one', LOG_LEVEL: 'info' })
  const slow = ask(server.port, '/slow?ms=1000', acme)
  await eventually(() => server.lines.some((line) => line.includes('answering slowly')))
  server.child.kill('SIGTERM')
  await eventually(() => server.lines.some((line) => line.includes('closing')))
  await eventually(() =>
    ask(server.port, '/whoami', acme).then(
      () => false,
      ({ code }) => code === 'ECONNREFUSED',
    ),
  )
  const { status, json } = await slow
  t.equal(status, 200)
  t.equal(json().replica, 'one')
  t.equal(await server.exit, 0)
})

t.test('replicas on one Redis', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const { path, write } = tenantsFixture(t.testdir(), { acme: ACME, globex: GLOBEX })
  const environment = { REDIS_URL: redis.url, TENANTS_FILE: path }
  const replicas = await Promise.all([startServer(t, environment), startServer(t, environment)])
  const whoAmIs = (host: string) =>
    Promise.all(replicas.map(async ({ port }) => (await ask(port, '/whoami', { headers: { host } })).json()))
  const tokens = async (host: string) => (await whoAmIs(host)).map(({ token }) => token)

  t.test('agree on a token that nobody has set', async (t) => {
    t.equal(await redis.cli('GET', 'tenantry:tenant:acme'), '')
    const [token] = await tokens('acme.localhost')
    t.same(await tokens('acme.localhost'), [token, token])
    t.equal(await redis.cli('GET', 'tenantry:tenant:acme'), token)
  })

  t.test('take up a restart by redis-cli SET tenantry:tenant:acme', async (t) => {
    const [globex] = await tokens('globex.localhost')
    write({ acme: { ...ACME, name: 'Acme Ltd' }, globex: GLOBEX })
    await redis.cli('SET', 'tenantry:tenant:acme', 'set-by-hand')
    for (const { tenant, token } of await whoAmIs('acme.localhost')) {
      t.equal(token, 'set-by-hand')
      t.equal(tenant.name, 'Acme Ltd')
    }
    t.same(await tokens('globex.localhost'), [globex, globex], 'nobody else is restarted')
  })

  t.test('restart all tenants by redis-cli SET tenantry:all', async (t) => {
    const before = [await whoAmIs('acme.localhost'), await whoAmIs('globex.localhost')].flat()
    write({ acme: { ...ACME, name: 'Acme Inc' }, globex: { ...GLOBEX, name: 'Globex Inc' } })
    await redis.cli('SET', 'tenantry:all', 'all-by-hand')
    const after = [await whoAmIs('acme.localhost'), await whoAmIs('globex.localhost')].flat()
    t.same(
      after.map(({ tenant }) => tenant.name),
      ['Acme Inc', 'Acme Inc', 'Globex Inc', 'Globex Inc'],
    )
    for (const [index, { builtAt }] of after.entries()) t.not(builtAt, before[index].builtAt)
  })

  t.test('end with 0', async (t) => {
    t.same(await Promise.all(replicas.map((replica) => replica.stop('SIGTERM'))), [0, 0])
  })
})
