import { readFile } from 'node:fs/promises'
import { ask, startRedis } from '@tenantry/testing'
import t from 'tap'
import { patiently } from './support/patiently.ts'
import { adminPortOf, startServer } from './support/start-server.ts'

const acme = { headers: { host: 'acme.localhost' } }
const globex = { headers: { host: 'globex.localhost' } }

/** Asks until the answer is another than 503: for a check there are 250 ms, and a busy machine may not keep to that. */
const askPatiently: typeof ask = (...question) =>
  patiently(async () => {
    const answer = await ask(...question)
    return answer.status !== 503 && answer
  })

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
      'tenantry:all-hosts',
      'h',
    )
    for (const site of [acme, acme, globex]) {
      t.equal((await askPatiently(server.port, '/whoami', site)).status, 200)
    }
    await redis.cli('SET', 'tenantry:tenant:acme', 'three')
    await patiently(async () => (await ask(server.port, '/whoami', acme)).json().token === 'three')
    // The end of a lease, and what comes of it, is after the answer.
    const metrics = await patiently(async () => {
      const metrics = await scrape(admin)
      const { tenantry_disposed_total, tenantry_leases, tenantry_store_reachable } = metrics
      return (
        tenantry_disposed_total === 1 && tenantry_leases === 0 && tenantry_store_reachable === 1 && metrics
      )
    })
    t.match(metrics, {
      tenantry_tenants: 2,
      tenantry_tenants_draining: 0,
      tenantry_builds_running: 0,
      tenantry_builds_waiting: 0,
      tenantry_lookups_running: 0,
      tenantry_lookups_waiting: 0,
      tenantry_builds_total: 3,
      tenantry_build_failures_total: 0,
      tenantry_build_duration_seconds_count: 3,
      'tenantry_build_duration_seconds_bucket{le="+Inf"}': 3,
      tenantry_replaced_total: 1,
      tenantry_evicted_total: 0,
      tenantry_disposed_leased_total: 0,
      tenantry_dispose_failures_total: 0,
      tenantry_lookup_failures_total: 0,
      tenantry_hostnames_failures_total: 0,
      'sample_authority_reads_total{kind="load"}': 3,
      'sample_authority_reads_total{kind="lookup"}': 2,
      process_cpu_user_seconds_total: Number,
      nodejs_eventloop_lag_p99_seconds: Number,
    })
    t.ok((metrics.tenantry_build_duration_seconds_sum as number) > 0)
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
      const { status, body } = await askPatiently(server.port, '/metrics', { headers: { host } })
      t.ok(status === 404 || status === 400, `${host}: ${status}`)
      t.notMatch(body, /tenantry_/)
    }
    t.equal((await askPatiently(server.port, '/metrics', acme)).json().code, 'SAMPLE_ERR_NOT_FOUND')
  })

  t.test('tells a key that fails, and that the store is away', async () => {
    const { tenantry_key_failures_total: before = Number.NaN } = await scrape(admin)
    await redis.cli('DEL', 'tenantry:tenant:globex')
    await redis.cli('RPUSH', 'tenantry:tenant:globex', 'not a token')
    await patiently(async () => {
      await ask(server.port, '/whoami', globex)
      const { tenantry_key_failures_total: failures = 0, tenantry_store_reachable } = await scrape(admin)
      return failures > before && tenantry_store_reachable === 1
    })
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
  await redis.cli('MSET', 'tenantry:tenant:acme', '0', 'tenantry:all', 'a', 'tenantry:all-hosts', 'h')
  const environment = { REDIS_URL: redis.url }
  const [checking, sparing] = await Promise.all([
    startServer(t, environment),
    startServer(t, { ...environment, CHECK_MAX_AGE_MS: '300000' }),
  ])
  const token = async ({ port }: { port: number }) => (await askPatiently(port, '/whoami', acme)).json().token
  t.same(await Promise.all([token(checking), token(sparing)]), ['0', '0'])
  // More than once, since its sweep takes restarts up, too, whenever it comes.
  let restarts = 0
  await patiently(async () => {
    restarts += 1
    await redis.cli('SET', 'tenantry:tenant:acme', `${restarts}`)
    await patiently(async () => (await token(checking)) === `${restarts}`)
    return (await token(sparing)) !== `${restarts}`
  })
})
