import { once } from 'node:events'
import { PassThrough, pipeline } from 'node:stream'
import { ACME, Wire, Work } from '@tenantry/adapter-suite'
import { MemoryHeartbeats, MemoryTokenStore } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import t, { type Test } from 'tap'
import { type Log, type TenantryOptions, tenantry } from '../src/index.ts'
import { EXPRESSES } from './support/expresses.ts'
import { type Express, open, serve } from './support/serve.ts'
import { visitOf } from './support/visit.ts'

/** A store that knows whether it was closed. */
class TestTokenStore extends MemoryTokenStore {
  closed = 0

  async close(): Promise<void> {
    this.closed += 1
  }
}

const load = (id: string) => ({ id })

t.test('invalid options are refused at once, and nothing is left open', async (t) => {
  const tokens = new MemoryTokenStore()
  const log: Log = { info() {}, warn() {}, error() {} }
  const cases: [options: unknown, message: RegExp][] = [
    [undefined, /Expected `tokens` to be .*, got undefined/],
    [null, /Expected `tokens`/],
    [{}, /Expected `tokens`/],
    [{ load }, /Expected `tokens`/],
    [{ tokens }, /Expected `load` to be a function, got undefined/],
    [{ tokens, load, maxTenants: 0 }, /Expected `maxTenants`/],
    [{ tokens, load, nonsense: 1 }, /got "nonsense"/],
    [{ tokens, load, logger: null }, /Expected `logger` to be an object, got null/],
    [{ tokens, load, logger: true }, /Expected `logger` to be an object, got true/],
    [{ tokens, load, logger: { ...log, info: Symbol('i') } }, /Expected `logger.info` to be a function/],
    [{ tokens, load, logger: { ...log, warn: 'yes' } }, /Expected `logger.warn` to be a function, got "yes"/],
  ]
  for (const [options, message] of cases) {
    t.throws(
      () => tenantry(options as never),
      { code: 'TENANTRY_ERR_OPTIONS_INVALID', message },
      `${message}`,
    )
  }

  const stores: TestTokenStore[] = []
  const opening = {
    tokens: () => {
      stores.push(new TestTokenStore())
      return stores.at(-1) as TestTokenStore
    },
    load,
  }
  t.throws(() => tenantry({ ...opening, logger: null as never }), { code: 'TENANTRY_ERR_OPTIONS_INVALID' })
  t.equal(stores.length, 0, 'nothing was opened')
  for (const wrong of [{ identify: 'host' }, { heartbeat: 'web-1' }] as object[]) {
    t.throws(() => tenantry({ ...opening, ...wrong }), { code: 'TENANTRY_ERR_OPTIONS_INVALID' })
  }
  await eventually(() => stores.every(({ closed }) => closed === 1), { timeoutMs: 10_000 })
  t.equal(stores.length, 2)
})

for (const [name, express] of Object.entries(EXPRESSES)) {
  t.test(`closing, with ${name}`, async (t) => {
    t.test('requests under way finish, later ones are refused', (t) => testClosing(t, express))
    t.test('builds under way end', (t) => testClosingBuilds(t, express))
    t.test('connections that are kept alive end, too', (t) => testClosingConnections(t, express))
  })
}

async function testClosing(t: Test, express: Express): Promise<void> {
  const work = new Work()
  const store = new TestTokenStore()
  const heartbeats = new MemoryHeartbeats()
  const told: string[] = []
  store.close = async () => void told.push('store closed')
  heartbeats.leave = async (replica) => void told.push(`${replica} has left`)
  const { built, port, server, tenants } = await serve(t, express, {
    tenants: { tokens: () => store, heartbeat: { replica: 'web-1', store: heartbeats } },
    routes: (app, tenants) => {
      app.use(tenants)
      app.get('/', async (req, res) => {
        const visit = visitOf(req)
        await work.do(visit)
        work.use(visit, 'while the server closes')
        told.push('answered')
        res.send('done')
      })
    },
  })
  tenants.pool.on('disposed', () => told.push('disposed'))
  const wire = await Wire.open(port)
  wire.get('/', `Host: ${ACME}`)
  const { signal } = (await work.begun()).lease

  const ended = new Promise((resolve) => server.close(resolve))
  const closed = tenants.close()
  t.equal(tenants.close(), closed, 'it may be called again')
  await eventually(() => signal.aborted && told.length > 0, { timeoutMs: 10_000 })
  t.equal(signal.reason.code, 'TENANTRY_ERR_POOL_CLOSED')
  t.strictSame(told, ['web-1 has left'], 'it says goodbye at once')
  wire.get('/generation', `Host: ${ACME}\r\nConnection: close`)
  await t.rejects(tenants.pool.acquire(ACME), { code: 'TENANTRY_ERR_POOL_CLOSED' })
  work.finish()
  await closed
  t.strictSame(told, ['web-1 has left', 'answered', 'disposed', 'store closed'])
  t.strictSame(work.mourners, [])
  t.equal(built[0]?.disposals, 1)
  await wire.ended()
  t.match(wire.received, /200 OK.*done.*503 .*retry-after: 1.*The server is closing/is)
  await ended
  t.equal(tenants.close(), closed)
}

async function testClosingConnections(t: Test, express: Express): Promise<void> {
  const work = new Work()
  const { port, server, tenants } = await serve(t, express, {
    routes: (app, tenants) => {
      app.use(tenants)
      app.get('/', (req, res) => void work.do(visitOf(req)).then(() => res.send('done')))
    },
  })
  server.keepAliveTimeout = 600_000
  const wire = await Wire.open(port)
  wire.get('/', `Host: ${ACME}`)
  await work.begun()
  const ended = new Promise((resolve) => server.close(resolve))
  const closed = tenants.close()
  work.finish()
  await closed
  server.closeIdleConnections()
  await Promise.all([ended, wire.ended()])
  t.match(wire.received, /200 OK.*done/s)
}

async function testClosingBuilds(t: Test, express: Express): Promise<void> {
  const signals: AbortSignal[] = []
  const { get, tenants } = await serve(t, express, {
    tenants: {
      load: (_id, { signal }) => {
        signals.push(signal)
        return new Promise(() => {})
      },
    },
  })
  const answer = get('/generation')
  await eventually(() => signals.length === 1, { timeoutMs: 10_000 })
  await tenants.close()
  t.equal(signals[0]?.reason.code, 'TENANTRY_ERR_POOL_CLOSED')
  t.match(await answer, { status: 503, headers: { 'retry-after': '1' }, body: /The server is closing/ })
}

/** An answer that is broken off in its middle. */
interface BrokenOff {
  readonly drainTimeoutMs: number
  /** Begins the answer. */
  readonly handle: RequestHandler
  readonly handleError?: ErrorRequestHandler
  /** @default the client goes */
  readonly breakOff?: () => void
}

/** How long the lease lasts when an answer is broken off, in milliseconds. */
async function leaseAfter(
  t: Test,
  express: Express,
  { drainTimeoutMs, handle, handleError, breakOff }: BrokenOff,
): Promise<number> {
  const { port, built, tenants } = await serve(t, express, {
    tenants: { drainTimeoutMs },
    routes: (app, tenants) => {
      app.use(tenants).get('/events', handle)
      if (handleError) app.use(handleError)
    },
  })
  const wire = await Wire.open(port)
  wire.get('/events', `Host: ${ACME}`)
  await wire.until('begun')
  t.equal(tenants.pool.stats().leases, 1)
  const since = performance.now()
  if (breakOff) breakOff()
  else wire.vanish()
  await wire.ended()
  await eventually(() => tenants.pool.stats().leases === 0, { timeoutMs: 10_000 })
  t.equal(tenants.pool.stats().tenants, 1)
  t.equal(built[0]?.disposals, 0)
  return performance.now() - since
}

t.test('a client that goes', async (t) => {
  const express = EXPRESSES['Express 5']

  await t.test('its lease lasts for drainTimeoutMs where nobody ends the response', async (t) => {
    const lastedMs = await leaseAfter(t, express, {
      drainTimeoutMs: 500,
      handle: (_req, res) => void res.write('begun'),
    })
    t.ok(lastedMs >= 500, `${lastedMs}`)
  })

  await t.test('not for so long where the handler ends it, as the README tells', async (t) => {
    await leaseAfter(t, express, {
      drainTimeoutMs: 600_000,
      handle(_req, res) {
        res.on('close', () => res.end())
        res.write('begun')
      },
    })
    await leaseAfter(t, express, {
      drainTimeoutMs: 600_000,
      handle(_req, res) {
        const source = new PassThrough()
        source.write('begun')
        pipeline(source, res, () => res.end())
      },
    })
  })
})

for (const [name, express] of Object.entries(EXPRESSES)) {
  t.test(`an error after the headers, with ${name}`, async (t) => {
    /** A handler that fails when the test wants. */
    function failing(): Pick<BrokenOff, 'handle' | 'breakOff'> {
      let fail!: () => void
      return {
        handle(_req, res, next) {
          fail = () => next(new Error('failed'))
          res.write('begun')
        },
        breakOff: () => fail(),
      }
    }

    await t.test('its lease lasts for drainTimeoutMs: Express ends the connection alone', async (t) => {
      const lastedMs = await leaseAfter(t, express, { drainTimeoutMs: 500, ...failing() })
      t.ok(lastedMs >= 500, `${lastedMs}`)
    })

    await t.test(
      'not for so long where the error handler ends the response, as the README tells',
      async (t) => {
        await leaseAfter(t, express, {
          drainTimeoutMs: 600_000,
          ...failing(),
          handleError(error, _req, res, next) {
            res.on('close', () => res.end())
            next(error)
          },
        })
      },
    )
  })

  t.test(`a response that is ended in the stead of its handler ends the lease, with ${name}`, async (t) => {
    const work = new Work()
    let timeOut!: () => void
    const { port, built, tenants, lifecycle } = await serve(t, express, {
      routes: (app, tenants) => {
        app.use(tenants)
        app.use((_req, res, next) => {
          timeOut = () => res.status(503).send('time is up')
          next()
        })
        app.get('/', (req, res) => {
          void work.do(visitOf(req)).then(() => {
            if (!res.headersSent) res.send('done')
          })
        })
      },
    })
    const wire = await Wire.open(port)
    wire.get('/', `Host: ${ACME}`)
    const visit = await work.begun()
    t.equal(tenants.pool.stats().leases, 1)
    timeOut()
    await wire.until('time is up')
    await eventually(() => tenants.pool.stats().leases === 0, { timeoutMs: 10_000 })

    await lifecycle.restart(ACME)
    await tenants.pool.use(ACME, () => {})
    await eventually(() => built[0]?.disposals === 1, { timeoutMs: 10_000 })
    t.equal(visit.tenant, built[0], 'what the handler still does with it is out of sight')
    work.finish()
    wire.vanish()
  })
}

t.test('a store that the application brought stays open', async (t) => {
  const store = new TestTokenStore()
  await tenantry({ tokens: store, load }).close()
  t.equal(store.closed, 0)
})

t.test('a store that cannot be closed is told by close()', async (t) => {
  const store = new TestTokenStore()
  store.close = async () => {
    throw new Error('stuck')
  }
  await t.rejects(tenantry({ tokens: () => store, load }).close(), { message: 'stuck' })
})

t.test('the log tells of changes, not of requests', async (t) => {
  const lines: [level: string, details: object, message: string][] = []
  const note = (level: string) => (details: object, message: string) =>
    void lines.push([level, details, message])
  const log: Log = { info: note('info'), warn: note('warn'), error: note('error') }
  let broken = false
  const changing: Partial<TenantryOptions<unknown>> = {
    load: (id) => {
      if (broken) throw new Error('no such table')
      return { id }
    },
    // A lease that outlasts it is a warning.
    drainTimeoutMs: 20,
  }

  /** Makes tenants tell of all kinds of changes. */
  async function change({ tenants, lifecycle }: ReturnType<typeof open>): Promise<void> {
    const disposed = once(tenants.pool, 'disposed')
    await tenants.pool.acquire(ACME)
    await lifecycle.restart(ACME)
    await tenants.pool.use(ACME, () => {})
    await disposed
    broken = true
    await lifecycle.restart(ACME)
    await t.rejects(
      tenants.pool.use(ACME, () => {}),
      { code: 'TENANTRY_ERR_BUILD_FAILED' },
    )
    broken = false
    await tenants.close()
  }

  const built = ['info', { tenant: ACME }, 'tenant built']
  const replaced = ['info', { tenant: ACME }, 'tenant replaced: its token has changed']
  const late = 'tenant disposed of at the drain deadline, still leased'
  await change(open(t, { ...changing, logger: log }))
  t.match(lines, [
    built,
    replaced,
    built,
    ['warn', { tenant: ACME, leases: 1 }, late],
    replaced,
    ['info', { tenant: ACME }, 'tenant disposed of'],
    ['error', { tenant: ACME, err: { message: 'no such table' } }, 'tenant build failed'],
  ])

  await t.test('without a logger, warnings and errors are written to the console', async (t) => {
    const written: unknown[][] = []
    for (const method of ['debug', 'log', 'info', 'warn', 'error'] as const) {
      t.capture(console, method, (...what) => written.push([method, ...what]))
    }
    await change(open(t, { ...changing, logger: undefined }))
    t.match(written, [
      ['warn', late, { tenant: ACME, leases: 1 }],
      ['error', 'tenant build failed', { tenant: ACME, err: { message: 'no such table' } }],
    ])
    t.equal(written.length, 2)
  })
})
