import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { RedisHeartbeats } from '@tenantry/redis'
import { ask, type StartedProcess, startRedis, startTcpProxy } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { patiently } from './support/patiently.ts'
import { endsWell, runExample, type StartedExample, startExample } from './support/start-example.ts'
import { type TenantsFixture, tenantsFixture } from './support/tenants-fixture.ts'

const ACME = 'acme.localhost'

const redis = await startRedis()
t.teardown(() => redis.stop())

/** Starts a server on the one Redis of this file, with tenants of its own. */
async function serve(t: Test, file: string): Promise<StartedExample & { tenants: TenantsFixture }> {
  const tenants = tenantsFixture(t)
  const server = await startExample(t, file, { REDIS_URL: redis.url, TENANTS_FILE: tenants.path })
  return { ...server, tenants }
}

function setToken(key: string): Promise<string> {
  return redis.cli('SET', `tenantry:${key}`, crypto.randomUUID())
}

async function get({ port }: StartedExample, host: string, path = '/'): Promise<string> {
  return (await ask(port, path, { headers: { host } })).body
}

/** Of a server that greets. */
async function greetsAnew(t: Test, server: StartedExample & { tenants: TenantsFixture }): Promise<void> {
  t.equal(await get(server, ACME), 'Hello from Acme\n')
  t.equal(await get(server, 'globex.localhost'), 'Hello from Globex\n')
  t.match(await ask(server.port, '/', { headers: { host: 'initech.localhost' } }), { status: 404 })
  server.tenants.change(ACME, { name: 'Acme Ltd' })
  t.equal(await get(server, ACME), 'Hello from Acme\n', 'nothing has changed yet')
  await setToken(`tenant:${ACME}`)
  t.equal(await get(server, ACME), 'Hello from Acme Ltd\n')
}

t.test('fastify.js', async (t) => {
  const server = await serve(t, 'fastify.js')
  await greetsAnew(t, server)
  t.equal(await server.stop(), 0)
})

t.test('express.js', async (t) => {
  const server = await serve(t, 'express.js')
  await greetsAnew(t, server)
  t.match(
    await ask(server.port, '/', { headers: { host: 'initech.localhost' } }),
    { status: 404, body: /^\{"code":"TENANTRY_ERR_TENANT_NOT_FOUND"\}$/ },
    'strangers see no stack',
  )
  await patiently(() =>
    server.lines.some((line) => /"msg":"tenant replaced: its token has changed"/.test(line)),
  )
  t.equal(await server.stop(), 0)
})

t.test('node-http.js', async (t) => {
  const server = await serve(t, 'node-http.js')
  const first = await get(server, ACME)
  t.match(first, /^Acme, built at \d{4}-/)
  t.equal(await get(server, ACME), first)
  await setToken(`tenant:${ACME}`)
  t.not(await get(server, ACME), first)
  t.match(await ask(server.port, '/', { headers: { host: 'initech.localhost' } }), {
    status: 404,
    body: 'There is no such tenant\n',
  })
  server.tenants.breakIt()
  await setToken(`tenant:${ACME}`)
  t.match(await ask(server.port, '/', { headers: { host: ACME } }), {
    status: 503,
    headers: { 'retry-after': /^\d+$/ },
    body: 'The tenant cannot be served just now\n',
  })
  t.equal(await server.stop(), 0)
})

t.test('max-age.js', async (t) => {
  const server = await serve(t, 'max-age.js')
  const reads = async () =>
    Number(/cmdstat_mget:calls=(\d+)/.exec(await redis.cli('INFO', 'commandstats'))?.[1] ?? 0)
  const first = await get(server, ACME)
  t.match(first, /^Acme, built at \d{4}-/)

  const [before, startedAt] = [await reads(), performance.now()]
  for (let count = 0; count < 50; count += 1) t.equal(await get(server, ACME), first)
  const [spent, tookMs] = [(await reads()) - before, performance.now() - startedAt]
  t.ok(spent <= 2 + tookMs / 1000, `${spent} reads for 50 requests, in ${tookMs} ms`)

  await setToken(`tenant:${ACME}`)
  const second = await patiently(async () => (await get(server, ACME)) !== first && get(server, ACME))
  t.match(second, /^Acme, built at \d{4}-/)

  // It has just been checked: the next check is as far away as can be. (Timers may be a millisecond early.)
  await setToken(`tenant:${ACME}`)
  await sleep(1001)
  t.not(await get(server, ACME), second, 'after a second, the restart is in force')
  t.equal(await server.stop(), 0)
})

t.test('identify.js', async (t) => {
  const server = await serve(t, 'identify.js')
  const ofAcme = () => get(server, 'localhost', `/tenants/${ACME}`)
  const first = await ofAcme()
  t.match(first, /^Acme, /)
  const asGlobex = { host: 'localhost', 'x-tenant': 'globex.localhost' }
  t.match((await ask(server.port, '/', { headers: asGlobex })).body, /^Globex, /)
  t.equal(
    (await ask(server.port, `/tenants/${ACME}`, { headers: asGlobex })).body,
    first,
    'the path counts first',
  )
  t.match(
    await ask(server.port, '/', { headers: { host: ACME } }),
    { status: 404 },
    'the Host does not count',
  )
  t.match(await ask(server.port, '/tenants/constructor', { headers: { host: ACME } }), { status: 404 })
  await setToken(`tenant:${ACME}`)
  t.not(await ofAcme(), first)
  t.equal(await server.stop(), 0)
})

t.test('custom-domains.js', async (t) => {
  const server = await serve(t, 'custom-domains.js')
  t.equal(await get(server, ACME), 'Hello from Acme\n')
  t.equal(await get(server, 'rockets.localhost'), 'Hello from Acme\n')
  t.match(await ask(server.port, '/', { headers: { host: 'skates.localhost' } }), { status: 404 })

  server.tenants.change(ACME, { hostnames: [ACME, 'skates.localhost'] })
  await setToken(`tenant:${ACME}`)
  await setToken('all-hosts')
  t.equal(await get(server, 'skates.localhost'), 'Hello from Acme\n')
  t.match(
    await ask(server.port, '/', { headers: { host: 'rockets.localhost' } }),
    { status: 404 },
    'not its own',
  )

  server.tenants.change(ACME, { hostnames: [ACME] })
  server.tenants.change('globex.localhost', { hostnames: ['globex.localhost', 'skates.localhost'] })
  for (const key of ['tenant:globex.localhost', `tenant:${ACME}`, 'all-hosts']) await setToken(key)
  t.equal(await get(server, 'skates.localhost'), 'Hello from Globex\n', 'it has moved')
  t.equal(await server.stop(), 0)
})

t.test('resources.js', async (t) => {
  const server = await serve(t, 'resources.js')
  const connections = async () =>
    (await redis.cli('CLIENT', 'LIST')).split('\n').filter((line) => line.includes(` name=${ACME} `)).length
  const said = (line: string) => server.lines.filter((each) => each === line).length

  // A request under way: its tenant is there, and its body is not.
  const headers = { host: ACME, 'content-type': 'text/plain', 'content-length': '5' }
  const slow = request({ host: '127.0.0.1', port: server.port, path: '/messages', method: 'POST', headers })
  slow.flushHeaders()
  await patiently(() => said(`Opened the connection of ${ACME}`) === 1)

  server.tenants.change(ACME, { name: 'Acme Ltd' })
  await setToken(`tenant:${ACME}`)
  const posted = {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
  }
  t.equal(
    (await ask(server.port, '/messages', { ...posted, body: 'hello' })).body,
    'Acme Ltd has 1 messages\n',
  )
  t.equal(await connections(), 2, 'the old connection is still needed')
  t.equal(said(`Closed the connection of ${ACME}`), 0)

  slow.end('there')
  const [response] = await once(slow, 'response')
  t.equal(await text(response), 'Acme has 2 messages\n', 'it ends with the tenant that it began with')
  await patiently(() => said(`Closed the connection of ${ACME}`) === 1)
  t.equal(await connections(), 1)

  t.equal(await server.stop(), 0)
  t.equal(said(`Closed the connection of ${ACME}`), 2)
})

t.test('resources.js ends while Redis is silent', async (t) => {
  await t.test('that holds the connection of a tenant', async (t) => {
    const server = await serve(t, 'resources.js')
    const headers = { host: ACME, 'content-type': 'text/plain' }
    t.match(await ask(server.port, '/messages', { method: 'POST', headers, body: 'hello' }), { status: 200 })
    redis.pause()
    t.teardown(() => redis.resume())
    t.equal(await server.stop(), 0)
    t.equal(server.lines.at(-1), `Closed the connection of ${ACME}`)
  })

  await t.test('that is being connected to', async (t) => {
    const proxy = await startTcpProxy({ to: redis.port })
    t.teardown(() => proxy.close())
    const tenants = tenantsFixture(t)
    const env = { REDIS_URL: proxy.urlOf(redis.url), TENANTS_FILE: tenants.path }
    const server = await startExample(t, 'resources.js', env)
    // The tenant's connection says its name when it is made.
    const connecting = proxy.holdWhen(/setname/i)
    const answer = ask(server.port, '/messages', { method: 'POST', headers: { host: ACME } })
    await connecting
    t.equal(await server.stop(), 0)
    t.match(await answer, { status: 503 })
  })
})

t.test('observe.js', async (t) => {
  const server = await serve(t, 'observe.js')
  const says = (line: RegExp) => patiently(() => server.lines.some((each) => line.test(each)))
  t.equal(await get(server, ACME), 'Hello from Acme\n')
  await says(/^A build of acme\.localhost: built, load took [\d.]+ ms$/)
  t.equal(await get(server, ACME), 'Hello from Acme\n')
  t.match(JSON.parse(await get(server, 'localhost', '/stats')), {
    tenants: 1,
    store: 'reachable',
    checks: { 'not-held': 1, stands: 1 },
  })

  server.tenants.breakIt()
  await setToken(`tenant:${ACME}`)
  t.match(await ask(server.port, '/', { headers: { host: ACME } }), { status: 503 })
  await says(/^acme\.localhost left the pool: its token has changed$/)
  await says(/^acme\.localhost was disposed of, 0 leases left$/)
  await says(/^acme\.localhost could not be built: SyntaxError/)
  await says(/^A build of acme\.localhost: failed, load took [\d.]+ ms$/)

  server.tenants.change(ACME, { name: 'Acme Ltd' })
  await setToken(`tenant:${ACME}`)
  t.equal(await get(server, ACME), 'Hello from Acme Ltd\n', 'a new token ends the back-off')
  redis.pause()
  t.equal(await get(server, ACME), 'Hello from Acme Ltd\n')
  await says(/^The token store does not answer$/)
  redis.resume()
  await says(/^The token store answers again, after [\d.]+ ms$/)
  t.equal(await server.stop(), 0)
})

t.test('heartbeats.js and convergence.js', async (t) => {
  const env = { REDIS_URL: redis.url }
  const heartbeats = new RedisHeartbeats(redis.url)
  t.teardown(() => heartbeats.close())
  /** The tokens under which replicas tell that they hold Acme. */
  const told = async () => (await heartbeats.read()).flatMap(({ tenants }) => tenants.get(ACME)?.token ?? [])
  const replicas = await Promise.all([serve(t, 'heartbeats.js'), serve(t, 'heartbeats.js')])
  for (const replica of replicas) t.equal(await get(replica, ACME), 'Hello from Acme\n')
  await patiently(async () => (await told()).length === 2)

  const convergence = await runExample(t, 'convergence.js', { args: [ACME], env })
  await patiently(() => convergence.lines.length > 0)
  t.match(convergence.lines[0], /^acme\.localhost: 0 of [12] replicas have it, 0 failed$/)
  for (const replica of replicas) t.equal(await get(replica, ACME), 'Hello from Acme\n')
  await endsWell(t, convergence)
  t.match(convergence.lines.at(-1), /^acme\.localhost: ([12]) of \1 replicas have it, 0 failed$/)
  const token = await redis.cli('GET', `tenantry:tenant:${ACME}`)
  await patiently(async () => (await told()).join() === `${token},${token}`)

  t.same(await Promise.all(replicas.map((replica) => replica.stop())), [0, 0])
  t.same(await heartbeats.read(), [], 'they have said goodbye')
})

t.test('convergence.js', async (t) => {
  const heartbeats = new RedisHeartbeats(redis.url)
  t.teardown(() => heartbeats.close())
  const inForce = () => redis.cli('GET', `tenantry:tenant:${ACME}`)

  const replica = { replica: 'web-1', startedAt: new Date() }
  const alive = { ...replica, reports: new Map(), gone: [], whole: false }
  // So that it is not forgotten, however slow the machine is.
  const beating = setInterval(() => heartbeats.beat(alive).catch(t.comment), 1000)
  t.teardown(() => clearInterval(beating))

  /** A replica tells that it holds Acme under a token. */
  async function tell(token: string): Promise<void> {
    const reports = new Map([[ACME, { state: 'held', token, all: token, builtAt: new Date() }]] as const)
    await heartbeats.beat({ ...replica, reports, gone: [], whole: true })
  }

  async function converge(t: Test, env: Record<string, string> = {}): Promise<StartedProcess> {
    await setToken(`tenant:${ACME}`)
    await tell(await inForce())
    t.teardown(() => heartbeats.leave('web-1'))
    const convergence = await runExample(t, 'convergence.js', {
      args: [ACME],
      env: { REDIS_URL: redis.url, ...env },
    })
    await patiently(() => convergence.lines.includes(`${ACME}: 0 of 1 replicas have it, 0 failed`))
    return convergence
  }

  await t.test('a restart that overtakes the one waited for', async (t) => {
    const convergence = await converge(t)
    await setToken(`tenant:${ACME}`)
    const overtaken = `${ACME}: another restart has overtaken this one, and is waited for instead`
    await patiently(() => convergence.lines.includes(overtaken))
    await tell(await inForce())
    await endsWell(t, convergence)
    t.equal(convergence.lines.at(-1), `${ACME}: 1 of 1 replicas have it, 0 failed`)
    t.equal(convergence.lines.filter((line) => line === overtaken).length, 1)
  })

  await t.test('a replica that drops the tenant is not waited for', async (t) => {
    const convergence = await converge(t)
    await heartbeats.leave('web-1')
    await endsWell(t, convergence)
    t.match(convergence.lines.at(-1), /no replica holds the tenant any more/)
  })

  await t.test('a replica that stays behind', async (t) => {
    const convergence = await converge(t, { TIMEOUT_MS: '1000' })
    t.equal(await convergence.exit, 1)
    t.equal(convergence.lines.at(-1), `${ACME}: not every replica has it after 1000 ms`)
  })
})

t.test('restart.js', async (t) => {
  const server = await serve(t, 'fastify.js')
  const both = () => Promise.all([get(server, ACME), get(server, 'globex.localhost')])
  const rename = (acme: string, globex: string) => {
    server.tenants.change(ACME, { name: acme })
    server.tenants.change('globex.localhost', { name: globex })
  }
  async function restart(...args: string[]): Promise<void> {
    const restart = await runExample(t, 'restart.js', { args, env: { REDIS_URL: redis.url } })
    await endsWell(t, restart)
    t.same(restart.lines, ['Restarted'])
  }
  t.same(await both(), ['Hello from Acme\n', 'Hello from Globex\n'])

  rename('Acme Ltd', 'Globex Ltd')
  await restart(ACME)
  t.same(await both(), ['Hello from Acme Ltd\n', 'Hello from Globex\n'])
  rename('Acme Inc', 'Globex Inc')
  await restart(ACME, 'globex.localhost')
  t.same(await both(), ['Hello from Acme Inc\n', 'Hello from Globex Inc\n'])
  rename('Acme SE', 'Globex SE')
  await restart()
  t.same(await both(), ['Hello from Acme SE\n', 'Hello from Globex SE\n'])
  t.equal(await server.stop(), 0)
})

t.test('restart.js repeats what was not confirmed', async (t) => {
  await redis.kill()
  const restart = await runExample(t, 'restart.js', { args: [ACME], env: { REDIS_URL: redis.url } })
  await patiently(() => restart.lines.includes('1 of 1 restarts may not have been written: repeat them'))
  t.equal(restart.child.exitCode, null)
  await redis.restart()
  await endsWell(t, restart)
  t.equal(restart.lines.at(-1), 'Restarted')
  t.not(await redis.cli('GET', `tenantry:tenant:${ACME}`), '')
})
