import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, eventually, type StartedProcess, startRedis } from '@tenantry/testing'
import t from 'tap'
import { startServer } from './support/start-server.ts'

const acme = { headers: { host: 'acme.localhost' } }
const globex = { headers: { host: 'globex.localhost' } }

/** A busy machine may take its time. */
const patiently: typeof eventually = (condition) => eventually(condition, { timeoutMs: 30_000 })

/** The port that a server with `ADMIN_PORT: '0'` was given. */
function adminPortOf({ lines }: StartedProcess): number {
  const line = lines.find((line) => line.includes('Metrics at '))
  return Number(/Metrics at http:\/\/127\.0\.0\.1:(\d+)\/metrics/.exec(line ?? '')?.[1])
}

/** What `/metrics` says: values by name and labels. */
async function scrape(port: number): Promise<Record<string, number>> {
  const { body } = await ask(port, '/metrics')
  const samples = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

t.test('the admin port', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const server = await startServer(t, { REDIS_URL: redis.url, ADMIN_PORT: '0' })
  const admin = adminPortOf(server)

  t.test('counts what the pool does, and what it asks of the authority', async (t) => {
    t.match(await scrape(admin), {
      tenantry_tenants: 0,
      tenantry_builds_total: 0,
      'sample_authority_reads_total{kind="load"}': 0,
      'sample_authority_reads_total{kind="lookup"}': 0,
    })
    await redis.cli(
      'MSET',
      'tenantry:tenant:acme',
      'one',
      'tenantry:tenant:globex',
      'two',
      'tenantry:all',
      'a',
    )
    for (const site of [acme, acme, globex]) t.equal((await ask(server.port, '/whoami', site)).status, 200)
    await redis.cli('SET', 'tenantry:tenant:acme', 'three')
    t.equal((await ask(server.port, '/whoami', acme)).json().token, 'three')
    // The end of a lease, and what comes of it, is after the answer.
    const metrics = await patiently(async () => {
      const metrics = await scrape(admin)
      return metrics.tenantry_disposed_total === 1 && metrics.tenantry_leases === 0 && metrics
    })
    t.match(metrics, {
      tenantry_tenants: 2,
      tenantry_tenants_draining: 0,
      tenantry_builds_running: 0,
      tenantry_builds_waiting: 0,
      tenantry_lookups_running: 0,
      tenantry_lookups_waiting: 0,
      tenantry_store_reachable: 1,
      tenantry_builds_total: 3,
      tenantry_build_failures_total: 0,
      tenantry_build_duration_seconds_count: 3,
      'tenantry_build_duration_seconds_bucket{le="+Inf"}': 3,
      tenantry_replaced_total: 1,
      tenantry_evicted_total: 0,
      tenantry_key_failures_total: 0,
      'sample_authority_reads_total{kind="load"}': 3,
      'sample_authority_reads_total{kind="lookup"}': 2,
      process_cpu_user_seconds_total: Number,
      nodejs_eventloop_lag_p99_seconds: Number,
    })
    const seconds = metrics.tenantry_build_duration_seconds_sum as number
    t.ok(seconds > 0 && seconds < 30, `${seconds} s of builds`)
  })

  t.test('counts a lease while it is held', async () => {
    await patiently(async () => {
      let held = true
      const slow = ask(server.port, '/slow?ms=500', acme).finally(() => {
        held = false
      })
      let seen = false
      while (held && !seen) seen = (await scrape(admin)).tenantry_leases === 1
      await slow
      return seen
    })
    await patiently(async () => (await scrape(admin)).tenantry_leases === 0)
  })

  t.test('tells in the format of Prometheus, and names no tenant', async (t) => {
    const { status, headers, body } = await ask(admin, '/metrics')
    t.equal(status, 200)
    t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
    t.match(body, /^# TYPE tenantry_builds_total counter$/m)
    t.match(body, /^# TYPE tenantry_build_duration_seconds histogram$/m)
    t.notMatch(body, /acme|globex/)
  })

  t.test('has the metrics that the reference lists', async (t) => {
    const own = /\b(?:tenantry|sample)_[a-z_]+/g
    const metrics = (await ask(admin, '/metrics')).body.matchAll(/^# TYPE (\S+)/gm)
    const names = Array.from(metrics, ([, name]) => name as string).filter((name) => name.match(own))
    const reference = await readFile(new URL('../../../docs/reference/metrics.md', import.meta.url), 'utf8')
    const rows = reference.split('\n').filter((line) => line.startsWith('| `'))
    t.same(rows.flatMap((row) => row.split('|')[1]?.match(own) ?? []).sort(), names.sort())
  })

  t.test('has a health check, and nothing of a tenant', async (t) => {
    t.same((await ask(admin, '/healthz')).json(), { status: 'ok' })
    for (const path of ['/', '/whoami', '/metrics/']) {
      const { status, json } = await ask(admin, path, acme)
      t.equal(status, 404, path)
      t.equal(json().code, 'SAMPLE_ERR_NOT_FOUND', path)
    }
  })

  t.test('is the only one with metrics: at a tenant they are a page that is not there', async (t) => {
    for (const host of ['acme.localhost', 'nobody.localhost', '127.0.0.1']) {
      const { status, body } = await ask(server.port, '/metrics', { headers: { host } })
      t.ok(status === 404 || status === 400, `${host}: ${status}`)
      t.notMatch(body, /tenantry_/)
    }
    t.equal((await ask(server.port, '/metrics', acme)).json().code, 'SAMPLE_ERR_NOT_FOUND')
  })

  t.test('tells a key that fails, and that the store is away', async (t) => {
    await redis.cli('DEL', 'tenantry:tenant:globex')
    await redis.cli('RPUSH', 'tenantry:tenant:globex', 'not a token')
    await ask(server.port, '/whoami', globex)
    t.match(await scrape(admin), { tenantry_key_failures_total: 1, tenantry_store_reachable: 1 })
    await redis.stop()
    await patiently(async () => {
      await ask(server.port, '/whoami', acme)
      return (await scrape(admin)).tenantry_store_reachable === 0
    })
  })
})

t.test('a server without ADMIN_PORT has none', async (t) => {
  const server = await startServer(t)
  t.same(
    server.lines.filter((line) => line.includes('Metrics at')),
    [],
  )
})

t.test('CHECK_MAX_AGE_MS spares checks, and delays restarts by so much', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  await redis.cli('MSET', 'tenantry:tenant:acme', 'one', 'tenantry:all', 'a')
  const environment = { REDIS_URL: redis.url }
  const [checking, sparing] = await Promise.all([
    startServer(t, environment),
    startServer(t, { ...environment, CHECK_MAX_AGE_MS: '300000' }),
  ])
  const token = async ({ port }: { port: number }) => (await ask(port, '/whoami', acme)).json().token
  t.same(await Promise.all([token(checking), token(sparing)]), ['one', 'one'])
  await redis.cli('SET', 'tenantry:tenant:acme', 'two')
  t.same(await Promise.all([token(checking), token(sparing)]), ['two', 'one'])
})

t.test('a server that leaves gives notice, and goes on serving meanwhile', async (t) => {
  const server = await startServer(t, { ADMIN_PORT: '0', NOTICE_MS: '60000' })
  const admin = adminPortOf(server)
  t.not((await ask(server.port, '/whoami', keepAlive(acme))).headers.connection, 'close')
  const slow = ask(server.port, '/slow?ms=5000', keepAlive(acme))
  await patiently(() => server.lines.some((line) => line.includes('answering slowly')))

  server.child.kill('SIGTERM')
  await patiently(async () => (await ask(server.port, '/healthz')).status === 503)
  for (const port of [server.port, admin]) {
    const { status, json } = await ask(port, '/healthz')
    t.equal(status, 503)
    t.same(json(), { status: 'closing' })
  }
  const served = await ask(server.port, '/whoami', keepAlive(acme))
  t.equal(served.status, 200)
  t.equal(served.headers.connection, 'close', 'the client shall come back on another connection')
  t.equal((await slow).headers.connection, 'close', 'also the one that has waited since before')
  const unknown = await ask(server.port, '/whoami', keepAlive({ headers: { host: 'nobody.localhost' } }))
  t.equal(unknown.status, 404)
  t.equal(unknown.headers.connection, 'close', 'also the one that is refused')
  t.equal((await ask(admin, '/metrics')).status, 200)

  server.child.kill('SIGTERM')
  t.equal(await server.exit, 1, 'a second signal ends it at once')
})

t.test('a server in a terminal leaves without notice', async (t) => {
  const server = await startServer(t, { NOTICE_MS: '60000' })
  server.child.kill('SIGINT')
  t.equal(await server.exit, 0)
})

t.test('no request fails while a replica ends to which a balancer gives requests', async (t) => {
  const [leaving, staying] = await Promise.all([
    startServer(t, { NOTICE_MS: undefined, LOG_LEVEL: 'info' }),
    startServer(t, { LOG_LEVEL: 'info' }),
  ])
  const targets = new Set([leaving.port, staying.port])
  const answers: { port: number; status: number | string }[] = []
  let over = false

  // What a balancer does: one target after the other, on connections that it keeps, as long as its checks go well.
  async function drive(agent: Agent) {
    for (let turn = 0; !over; turn += 1) {
      const port = [...targets][turn % targets.size] as number
      const status = await askBy(agent, port).catch(({ code }) => code)
      answers.push({ port, status })
    }
    agent.destroy()
  }
  async function check() {
    while (!over) {
      const { status } = await ask(leaving.port, '/healthz').catch(() => ({ status: 0 }))
      if (status !== 200) targets.delete(leaving.port)
      await sleep(50)
    }
  }
  const work = [
    ...Array.from({ length: 4 }, () => drive(new Agent({ keepAlive: true, maxSockets: 1 }))),
    check(),
  ]
  const served = (port: number) => answers.filter((answer) => answer.port === port).length
  await patiently(() => served(leaving.port) > 100 && served(staying.port) > 100)
  leaving.child.kill('SIGTERM')
  t.equal(await leaving.exit, 0)
  const before = served(staying.port)
  await patiently(() => served(staying.port) > before + 100)
  over = true
  await Promise.all(work)

  t.same(
    answers.filter(({ status }) => status !== 200),
    [],
  )
  t.notOk(targets.has(leaving.port))
})

/** As a client asks that would like to keep its connection. */
function keepAlive({ headers }: { headers: { host: string } }) {
  return { headers: { ...headers, connection: 'keep-alive' } }
}

async function askBy(agent: Agent, port: number): Promise<number | undefined> {
  const outgoing = request({ host: '127.0.0.1', port, path: '/whoami', agent, ...acme }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  await text(response)
  return response.statusCode
}
