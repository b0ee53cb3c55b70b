import { Authority, type Committed, openDatabase, RestartWriter } from '@tenantry/authority'
import { RedisHeartbeats, RedisTokenStore } from '@tenantry/redis'
import { ask, eventually, freePort, startPostgres, startRedis, startTcpProxy } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { startServer } from './support/start-server.ts'

const by = { by: 'test' }

const postgres = await startPostgres()
t.teardown(() => postgres.stop())
const redis = await startRedis()
t.teardown(() => redis.stop())

/** An authority of its own, the manager's part of a restart, and replicas that read both. */
async function scene(t: Test, replicas = ['one', 'two']) {
  await redis.cli('FLUSHALL')
  const database = await postgres.newDatabase()
  const authority = new Authority(await openDatabase(database))
  t.teardown(() => authority.close())
  await authority.migrate()
  const tokens = new RedisTokenStore(redis.url)
  t.teardown(() => tokens.close())
  const writer = new RestartWriter({ authority, tokens })
  const environment = { DATABASE_URL: database, REDIS_URL: redis.url, TENANTS_FILE: '/no/such/file' }
  const servers = await Promise.all(
    replicas.map((REPLICA_ID) => startServer(t, { ...environment, REPLICA_ID })),
  )

  /** Commits a change and writes its restarts: from here on, it holds at every replica. */
  async function make<Result>(change: Promise<Committed<Result>>): Promise<Result> {
    const { result, restarts } = await change
    const { written } = await writer.write(restarts)
    t.ok(written, 'the restart is written')
    return result
  }

  /** Asks every replica. */
  const askAll = (host: string) =>
    Promise.all(servers.map(({ port }) => ask(port, '/whoami', { headers: { host } })))
  const statuses = async (host: string) => (await askAll(host)).map(({ status }) => status)
  /** What a field of the tenant is, at every replica. */
  const served = async (host: string, field = 'id') =>
    (await askAll(host)).map(({ status, json }) => (status === 200 ? json().tenant[field] : status))
  const log = () => servers.flatMap(({ lines }) => lines).join('\n')
  return { authority, environment, make, askAll, statuses, served, log }
}

const ACME = { id: 'acme', name: 'Acme', hostnames: ['acme.example'], config: { tagline: 'Hello' } }
const GLOBEX = { id: 'globex', name: 'Globex', hostnames: ['globex.example'], config: {} }

t.test('G1: what the authority has committed is served by every replica at the next request', async (t) => {
  const { authority, make, askAll, statuses, served } = await scene(t)

  t.test('a tenant that is created, though its host was asked for before', async (t) => {
    t.same(await statuses('acme.example'), [404, 404])
    await make(authority.createTenant({ ...ACME, hostnames: ['ACME.example', 'bücher.example'] }, by))
    for (const { status, headers, json } of await askAll('acme.example')) {
      t.equal(status, 200)
      t.same(json().tenant, {
        id: 'acme',
        name: 'Acme',
        hostnames: ['acme.example', 'xn--bcher-kva.example'],
        tagline: 'Hello',
      })
      const restart = await authority.findCurrentRestart('tenant:acme')
      t.ok((headers['x-tenantry-token'] as string).startsWith(`${restart?.id}.`))
    }
    t.same(await served('xn--bcher-kva.example'), ['acme', 'acme'])
    await make(authority.createTenant(GLOBEX, by))
  })

  t.test('a configuration that is changed, ten times over', async (t) => {
    for (let version = 1; version <= 10; version++) {
      const config = { tagline: `Number ${version}` }
      await make(authority.changeTenant('acme', { config, version }, by))
      t.same(await served('acme.example', 'tagline'), [config.tagline, config.tagline])
    }
  })

  t.test('and what the authority says of a tenant counts, whatever its configuration says', async (t) => {
    const config = { id: 'globex', name: 'Globex', hostnames: ['globex.example'], plan: { seats: 3 } }
    await make(authority.changeTenant('acme', { config, version: 11 }, by))
    for (const { json } of await askAll('acme.example')) {
      t.same(json().tenant, {
        id: 'acme',
        name: 'Acme',
        hostnames: ['acme.example', 'xn--bcher-kva.example'],
        plan: { seats: 3 },
      })
    }
  })

  t.test('a host name that is added, moved to another tenant, and removed', async (t) => {
    t.same(await statuses('shop.example'), [404, 404])
    await make(authority.addHostname('acme', 'shop.example', by))
    t.same(await served('shop.example'), ['acme', 'acme'])
    await make(authority.addHostname('globex', 'shop.example', { ...by, from: 'acme' }))
    t.same(await served('shop.example'), ['globex', 'globex'])
    t.same(await served('acme.example'), ['acme', 'acme'])
    await make(authority.removeHostname('globex', 'shop.example', by))
    t.same(await statuses('shop.example'), [404, 404])
    t.same(await served('globex.example'), ['globex', 'globex'])
  })

  t.test('a tenant that loses its last host name, and is given one again', async (t) => {
    await make(authority.removeHostname('globex', 'globex.example', by))
    t.same(await statuses('globex.example'), [404, 404])
    await make(authority.addHostname('globex', 'globex.example', by))
    t.same(await served('globex.example'), ['globex', 'globex'])
  })

  t.test('a tenant that is deleted, and one that is made again with its name and its host', async (t) => {
    await make(authority.deleteTenant('acme', by))
    t.same(await statuses('acme.example'), [404, 404])
    t.same(await statuses('xn--bcher-kva.example'), [404, 404])
    await make(authority.createTenant({ ...ACME, config: { tagline: 'Again' } }, by))
    t.same(await served('acme.example', 'tagline'), ['Again', 'Again'])
  })

  t.test('a restart of all, by one token', async (t) => {
    const builds = async () => {
      const answers = [await askAll('acme.example'), await askAll('globex.example')].flat()
      return answers.map(({ json }) => json().builtAt as string)
    }
    const before = await builds()
    await make(authority.restartAll(by))
    const after = await builds()
    for (const [index, builtAt] of after.entries()) t.not(builtAt, before[index])
  })
})

t.test(
  'G1, R1: a build that has read what was there before a change serves nobody who comes after it',
  async (t) => {
    const { authority, environment, make } = await scene(t, [])
    await make(authority.createTenant(ACME, by))
    // With every token there, the first load is the build's, and not one that asks whether the tenant exists.
    await make(authority.restartAll(by))
    const proxy = await startTcpProxy({ to: postgres.port })
    t.teardown(() => proxy.close())
    const replica = await startServer(t, {
      ...environment,
      DATABASE_URL: proxy.urlOf(environment.DATABASE_URL),
    })
    const whoAmI = () => ask(replica.port, '/whoami', { headers: { host: 'acme.example' } })

    const held = proxy.holdWhen(/from tenantry\.tenants/, { after: true })
    const before = whoAmI()
    await held
    await make(authority.changeTenant('acme', { config: { tagline: 'New' }, version: 1 }, by))
    const after = whoAmI()
    await eventually(() => replica.lines.filter((line) => line.includes('incoming request')).length === 2)
    proxy.resume()
    t.equal((await before).json().tenant.tagline, 'Hello')
    t.equal((await after).json().tenant.tagline, 'New')
    t.equal((await whoAmI()).json().tenant.tagline, 'New')
  },
)

t.test('G7: a configuration that the page cannot be made of hurts its own tenant only', async (t) => {
  const { authority, make, askAll, statuses, served, log } = await scene(t)
  const heartbeats = new RedisHeartbeats(redis.url)
  t.teardown(() => heartbeats.close())
  await make(authority.createTenant(ACME, by))
  await make(authority.createTenant(GLOBEX, by))
  t.same([await statuses('acme.example'), await statuses('globex.example')].flat(), [200, 200, 200, 200])

  const config = { theme: { accent: 'red' } }
  const { version } = await make(authority.changeTenant('acme', { config, version: 1 }, by))
  for (const { status, headers, body, json } of await askAll('acme.example')) {
    t.equal(status, 503)
    t.equal(json().code, 'TENANTRY_ERR_BUILD_FAILED')
    t.match(headers['retry-after'], /^[1-9]\d*$/)
    t.notMatch(body, /theme|red/)
  }
  t.same(await statuses('globex.example'), [200, 200])
  const reason = 'config.theme.accent: expected a colour, #rrggbb, got "red"'
  t.ok(log().includes(JSON.stringify(reason).slice(1, -1)), 'the log names the field')

  t.test('and every replica tells why, on the wall that is read back', async (t) => {
    const current = await authority.findCurrentRestart('tenant:acme')
    const reports = await eventually(async () => {
      const read = await heartbeats.read()
      return read.length === 2 && read.every(({ tenants }) => tenants.get('acme')?.state === 'failed') && read
    })
    t.same(
      reports.map(({ replica }) => replica),
      ['one', 'two'],
    )
    for (const { tenants } of reports) {
      const acme = tenants.get('acme')
      t.match(acme, { state: 'failed', reason })
      t.ok(acme?.token?.startsWith(`${current?.id}.`))
      t.match(tenants.get('globex'), { state: 'held' })
    }
  })

  t.test('until it is mended, without waiting for the back-off', async (t) => {
    await make(authority.changeTenant('acme', { config: { tagline: 'Mended' }, version }, by))
    t.same(await served('acme.example', 'tagline'), ['Mended', 'Mended'])
  })
})

t.test('while the database is down', async (t) => {
  const { authority, environment, make, askAll, statuses, log } = await scene(t)
  await make(authority.createTenant(ACME, by))
  await make(authority.createTenant(GLOBEX, by))
  t.same(await statuses('acme.example'), [200, 200])
  t.teardown(() => postgres.restart())

  t.test('tenants in memory are served: it may be silent, or gone', async (t) => {
    postgres.pause()
    t.same(await statuses('acme.example'), [200, 200])
    await postgres.kill()
    t.same(await statuses('acme.example'), [200, 200])
  })

  t.test('others, and hosts that nobody has asked for, get 503; only the log says why', async (t) => {
    for (const host of ['globex.example', 'nobody.example']) {
      for (const { status, body, json } of await askAll(host)) {
        t.equal(status, 503, host)
        t.match(json().code, /^TENANTRY_ERR_(LOOKUP|BUILD)_FAILED$/)
        t.notMatch(body, /127\.0\.0\.1|ECONNREFUSED|database|postgres/i)
      }
    }
    t.match(log(), /ECONNREFUSED.*TENANTRY_ERR_AUTHORITY_UNREACHABLE/)
    t.notMatch(log(), /"level":60|REDIS_URL is not set/)
  })

  t.test('a server starts, and serves once the database is there', async (t) => {
    const { port } = await startServer(t, { ...environment, REPLICA_ID: 'three' })
    const status = async (path: string) =>
      (await ask(port, path, { headers: { host: 'acme.example' } })).status
    t.equal(await status('/healthz'), 200)
    t.equal(await status('/whoami'), 503)
    await postgres.restart()
    await eventually(async () => (await status('/whoami')) === 200)
    await eventually(async () => (await statuses('globex.example')).join() === '200,200')
    t.same(await statuses('nobody.example'), [404, 404])
  })
})

t.test(
  'a server without REDIS_URL says that no restart reaches it, and ends when it is asked to',
  async (t) => {
    const server = await startServer(t, { DATABASE_URL: `postgres://me@127.0.0.1:${await freePort()}/db` })
    t.match(
      server.lines.join('\n'),
      /"level":40.*REDIS_URL is not set: restarts .* do not reach this replica/,
    )
    t.equal((await ask(server.port, '/', { headers: { host: 'acme.example' } })).status, 503)
    t.equal(await server.stop('SIGTERM'), 0)
  },
)
