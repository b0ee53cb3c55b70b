import { hostname } from 'node:os'
import { Writable } from 'node:stream'
import { ACME, type TestTenant } from '@tenantry/adapter-suite'
import {
  hostDirectory,
  MemoryTokenStore,
  TenantLifecycle,
  type TenantryError,
  type TokenAnswer,
  tenantKey,
} from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import { LogController } from 'fastify'
import t, { type Test } from 'tap'
import type { TenantryOptions } from '../src/index.ts'
import { serve } from './support/serve.ts'

const INFO = 30
const WARN = 40
const ERROR = 50

/** A store that can be cut off, or lose its head over one key. */
class TestTokenStore extends MemoryTokenStore {
  cutOff = false
  confused: string | undefined

  override async read(keys: readonly string[]): Promise<readonly TokenAnswer[]> {
    if (this.cutOff) throw new Error('cut off')
    const answers = await super.read(keys)
    return answers.map((answer, index) => (keys[index] === this.confused ? new Error('a list') : answer))
  }
}

/** An app that logs into `lines`. */
async function serveLogging(t: Test, plugin: Partial<TenantryOptions>) {
  const lines: object[] = []
  const stream = new Writable({
    write(line, _encoding, callback) {
      lines.push(JSON.parse(line))
      callback()
    },
  })
  const { app } = await serve(t, {
    fastify: {
      logger: { level: 'info', stream },
      logController: new LogController({ disableRequestLogging: true }),
    },
    plugin,
    // Otherwise Fastify logs each request that fails.
    before: (app) =>
      app.setErrorHandler((error: TenantryError, _request, reply) =>
        reply.code(error.statusCode).send(error.code),
      ),
  })
  // That the server listens.
  lines.length = 0

  /** Waits for as many lines as are expected: these, and no others, have been written since the last time. */
  async function logs(t: Test, expected: readonly object[]): Promise<void> {
    await eventually(() => lines.length >= expected.length)
    t.match(lines.splice(0), expected)
  }

  /** Makes ten requests first. */
  async function requestsLog(t: Test, expected: readonly object[], statusCode = 200): Promise<void> {
    for (let count = 0; count < 10; count += 1) {
      t.match(await app.inject({ url: '/generation', headers: { host: ACME } }), { statusCode })
    }
    await logs(t, expected)
  }

  return { app, logs, requestsLog }
}

t.test('the log tells of changes, each once, and not of requests', async (t) => {
  const tokens = new TestTokenStore()
  const lifecycle = new TenantLifecycle(tokens)
  let broken = ''
  const { app, logs, requestsLog } = await serveLogging(t, {
    tokens,
    maxTenants: 1,
    drainTimeoutMs: 50,
    load: (id) => (broken === 'load' ? Promise.reject(new Error('no database')) : { id }),
    create: (config) => config,
    dispose: () => (broken === 'dispose' ? Promise.reject(new Error('stuck')) : undefined),
  })
  const about = (tenant: string) => ({
    built: { level: INFO, msg: 'tenant built', tenant, token: String, durationMs: Number },
    replaced: { level: INFO, msg: 'tenant replaced: its token has changed', tenant, token: String },
    disposed: { level: INFO, msg: 'tenant disposed of', tenant, token: String },
    evicted: { level: INFO, msg: 'tenant evicted to make room', tenant, token: String },
  })
  const { built, replaced, disposed, evicted } = about(ACME)
  const other = about('other.test')

  await t.test('built, replaced, disposed of, evicted', async (t) => {
    await requestsLog(t, [built])
    const token = await lifecycle.restart(ACME)
    await requestsLog(t, [replaced, disposed, { ...built, token }])
    await app.tenants.use('other.test', () => {})
    await logs(t, [other.built, evicted, disposed])
    await requestsLog(t, [built, other.evicted, other.disposed])
  })

  await t.test('a build that fails', async (t) => {
    broken = 'load'
    await lifecycle.restart(ACME)
    const failed = { level: ERROR, msg: 'tenant build failed', tenant: ACME, retryAfterMs: 500 }
    await requestsLog(t, [replaced, disposed, { ...failed, err: { message: 'no database' } }], 503)
    broken = ''
    await lifecycle.restart(ACME)
    await requestsLog(t, [built])
  })

  await t.test('a tenant that cannot be disposed of, or is leased for too long', async (t) => {
    broken = 'dispose'
    await lifecycle.restart(ACME)
    const failed = { level: ERROR, msg: 'tenant could not be disposed of', tenant: ACME }
    await requestsLog(t, [replaced, { ...failed, err: { message: 'stuck' } }, built])
    broken = ''
    const lease = await app.tenants.acquire(ACME)
    await lifecycle.restart(ACME)
    const late = 'tenant disposed of at the drain deadline, still leased'
    await requestsLog(t, [replaced, built, { level: WARN, msg: late, tenant: ACME, leases: 1 }])
    lease.release()
  })

  await t.test('G6: a store that is unreachable for a while', async (t) => {
    tokens.cutOff = true
    const gone = 'token store unreachable: tenants in memory are served unchecked'
    await requestsLog(t, [{ level: ERROR, msg: gone, err: { message: 'cut off' } }])
    await requestsLog(t, [])
    tokens.cutOff = false
    await eventually(() => app.tenants.stats().store === 'reachable')
    await requestsLog(t, [{ level: INFO, msg: 'token store reachable again', afterMs: Number }])
  })

  await t.test('a key that holds something else than a token for a while', async (t) => {
    const key = tenantKey(ACME)
    tokens.confused = key
    await requestsLog(t, [
      { level: ERROR, msg: 'token key failed', operation: 'read', key, err: { message: 'a list' } },
    ])
    tokens.confused = undefined
    await requestsLog(t, [{ level: INFO, msg: 'token key answered again', operation: 'read', key }])
  })
})

t.test('the log tells once that a host cannot be looked up, and once that it can', async (t) => {
  let broken = true
  const { requestsLog } = await serveLogging(t, {
    identify: hostDirectory<TestTenant>({
      lookup: (name) => {
        if (broken) throw new Error('no database')
        return name
      },
      hostnamesOf: ({ id }) => [id],
    }),
  })
  const about = { host: ACME, hostname: hostname() }
  const failed = { level: ERROR, msg: 'host name cannot be looked up', err: { message: 'no database' } }
  await requestsLog(t, [{ ...failed, ...about }], 503)
  broken = false
  const answered = { level: INFO, msg: 'host name can be looked up again' }
  await requestsLog(t, [
    { ...answered, ...about },
    { level: INFO, msg: 'tenant built', tenant: ACME },
  ])
})

t.test('the log tells once that the host names of a tenant cannot be had', async (t) => {
  const { requestsLog } = await serveLogging(t, {
    identify: hostDirectory<TestTenant>({
      lookup: (name) => name,
      hostnamesOf: () => ['not/valid'],
    }),
  })
  const failed = { level: ERROR, msg: 'host names of the tenant cannot be had', tenant: ACME }
  const built = { level: INFO, msg: 'tenant built', tenant: ACME }
  await requestsLog(t, [built, { ...failed, err: { code: 'TENANTRY_ERR_HOST_INVALID' } }], 503)
})
