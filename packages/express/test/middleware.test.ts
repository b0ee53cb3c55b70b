import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import { ACME, askRaw, ONCE, type TestTenant } from '@tenantry/adapter-suite'
import {
  hostDirectory,
  type Lease,
  MemoryTokenStore,
  type TenantPool,
  type TenantryError,
} from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import express5, { type NextFunction, type Request, type Response } from 'express'
import t, { type Test } from 'tap'
import { hostnameOf, type TenantMiddleware, type TenantryOptions, tenantry } from '../src/index.ts'
import { EXPRESSES } from './support/expresses.ts'
import { type Express, open, serve } from './support/serve.ts'

/** Answers an error with its code, and notes it. */
function notingErrors(errors: unknown[]) {
  return (error: TenantryError, _req: Request, res: Response, _next: NextFunction) => {
    errors.push(error)
    res.status(error.statusCode).json({ code: error.code })
  }
}

for (const [name, express] of Object.entries(EXPRESSES)) {
  t.test(name, async (t) => {
    t.test('a request has its tenant, and its lease', (t) => testRequest(t, express))
    t.test('what comes before it is for no tenant', (t) => testBefore(t, express))
    t.test('errors', (t) => testErrors(t, express))
    t.test('identify', (t) => testIdentify(t, express))
    t.test('mounting', (t) => testMounting(t, express))
    t.test('a request that comes by more than once', (t) => testTwice(t, express))
  })
}

async function testRequest(t: Test, express: Express): Promise<void> {
  await t.test('each is what the pool has built', async (t) => {
    const leases: Lease<unknown>[] = []
    const { get, built, tenants, lifecycle } = await serve(t, express, {
      routes: (app, tenants) => {
        app.use(tenants)
        app.get('/', (req, res) => {
          leases.push(req.tenantLease)
          res.json({ id: req.tenant.id, same: req.tenantLease.tenant === req.tenant })
        })
      },
    })
    t.strictSame((await get('/')).json(), { id: ACME, same: true })
    const [{ id, token, tenant, builtAt, signal }] = leases as [Lease<unknown>]
    t.equal(id, ACME)
    t.equal(token, tenants.pool.heldOf(ACME)?.token)
    t.equal(tenant, built[0])
    t.ok(builtAt instanceof Date)
    t.equal(signal.aborted, false)
    await lifecycle.restart(ACME)
    t.equal((await get('/generation')).json(), 1, 'G1: a request after a restart has the new tenant')
    t.equal(signal.reason.code, 'TENANTRY_ERR_TENANT_RESTARTED')
    t.match(tenants.pool.stats(), { tenants: 1, leases: 0 })
  })

  await t.test('G2: it stays the same from middleware to error handler, whatever is restarted', async (t) => {
    const seen: TestTenant[] = []
    const served = await serve(t, express, {
      routes: (app, tenants) => {
        const look = (req: Request, _res: Response, next: NextFunction) => {
          seen.push(req.tenant)
          served.lifecycle.restart(ACME).then(() => served.tenants.pool.use(ACME, () => next()), next)
        }
        app.use(tenants, look)
        app.get('/', look, look, () => {
          throw new Error('the handler has failed')
        })
        app.use((error: Error, req: Request, res: Response, _next: NextFunction) => {
          seen.push(req.tenant)
          res.send(error.message)
        })
      },
    })
    t.equal((await served.get('/')).body, 'the handler has failed')
    t.strictSame(
      seen.map(({ generation }) => generation),
      [0, 0, 0, 0],
    )
    t.equal(served.built.length, 4)
  })

  await t.test('what the middleware before has stored is found by the handler', async (t) => {
    const storage = new AsyncLocalStorage<string>()
    const { get } = await serve(t, express, {
      routes: (app, tenants) => {
        app.use((req, _res, next) => storage.run(req.url, next))
        app.use(tenants)
        app.get('/:name', (_req, res) => res.send(storage.getStore()))
      },
    })
    const paths = ['/a', '/b', '/c']
    t.strictSame(await Promise.all(paths.map(async (path) => (await get(path)).body)), paths)
  })
}

async function testBefore(t: Test, express: Express): Promise<void> {
  const { get, built } = await serve(t, express, {
    routes: (app, tenants) => {
      app.get('/healthz', (req, res) => res.json({ tenant: req.tenant ?? 'none', has: 'tenant' in req }))
      app.use(tenants)
    },
  })
  for (const host of [ACME, 'unknown.test', 'not/valid']) {
    t.strictSame((await get('/healthz', host)).json(), { tenant: 'none', has: false })
  }
  t.equal(built.length, 0)
}

async function testErrors(t: Test, express: Express): Promise<void> {
  const load = (id: string) => {
    if (id === 'broken.test') throw new Error('no such table: shops')
    return id === ACME ? { id } : undefined
  }
  const cases = [
    ['not/valid', 400, 'TENANTRY_ERR_HOST_INVALID', undefined],
    ['unknown.test', 404, 'TENANTRY_ERR_TENANT_NOT_FOUND', undefined],
    ['broken.test', 503, 'TENANTRY_ERR_BUILD_FAILED', /^1$/],
  ] as const

  await t.test("Express's own error handler answers with status and Retry-After", async (t) => {
    const { app, get } = await serve(t, express, { tenants: { load } })
    for (const [host, status, , retryAfter] of cases) {
      t.match(await get('/generation', host), { status, headers: { 'retry-after': retryAfter } }, host)
    }
    t.equal((await get('/generation')).status, 200)

    const written: unknown[] = []
    t.capture(console, 'error', (error) => written.push(error))
    app.set('env', 'production')
    for (const [host, status] of cases) {
      const answer = await get('/generation', host)
      t.equal(answer.status, status)
      t.notMatch(answer.body, /TenantryError| {4}at |table/, 'where it is in production, it tells no stack')
    }
    // Express writes them when it has answered.
    await eventually(() => written.length === cases.length, { timeoutMs: 10_000 })
  })

  await t.test('an error handler of the application gets the error, and finds no tenant', async (t) => {
    const errors: TenantryError[] = []
    const thrown: unknown[] = []
    const { get } = await serve(t, express, {
      tenants: { load },
      routes: (app, tenants) => {
        app.use(tenants)
        app.get('/', (req, res) => res.send(req.tenant.id))
        app.use((_error: unknown, req: Request, _res: Response, next: NextFunction) => {
          // As reporters of errors do.
          thrown.push({ ...req })
          for (const look of [() => req.tenant, () => req.tenantLease]) {
            try {
              look()
            } catch (error) {
              thrown.push(error)
            }
          }
          next(_error)
        })
        app.use(notingErrors(errors))
      },
    })
    for (const [host, status, code, retryAfter] of cases) {
      t.match(await get('/', host), { status, headers: { 'retry-after': retryAfter }, body: code })
      t.match(errors.splice(0), [{ code, statusCode: status }])
      const none = { code: 'TENANTRY_ERR_NO_TENANT' }
      t.match(thrown.splice(0), [{ originalUrl: '/' }, none, none])
    }
    t.equal((await get('/')).body, ACME)
  })

  await t.test('one that comes when the answer has begun breaks it off', async (t) => {
    const { get, port } = await serve(t, express, {
      tenants: { load },
      routes: (app, tenants) => {
        app.use('/begun', (_req, res, next) => {
          res.write('begun')
          next()
        })
        app.use(tenants)
      },
    })
    const answer = await askRaw(port, 'GET /begun HTTP/1.1\r\nHost: broken.test\r\n\r\n')
    t.match(answer, { statusCode: 200, body: /begun\r\n$/ })
    t.equal((await get('/generation')).status, 200, 'and nothing else')
  })
}

async function testIdentify(t: Test, express: Express): Promise<void> {
  /** Serves by `identify`, and asks once. */
  async function ask(
    t: Test,
    identify: TenantryOptions<unknown, IncomingMessage>['identify'],
    host = 'whatever.test',
  ) {
    const { get } = await serve(t, express, {
      tenants: identify === undefined ? {} : ({ identify } as never),
      routes: (app, tenants) => {
        app.use(tenants)
        app.get('/', (req, res) => res.json({ id: req.tenant.id }))
        app.use(
          (
            error: TenantryError & { statusCode?: number },
            _req: Request,
            res: Response,
            _next: NextFunction,
          ) =>
            res
              .status(error.statusCode ?? 500)
              .json({ code: error.code, cause: error.cause ?? null, said: error.message }),
        )
      },
    })
    return get('/', host)
  }
  const served = { status: 200, body: `{"id":"${ACME}"}` }
  const notFound = { status: 404, body: /TENANTRY_ERR_TENANT_NOT_FOUND/ }

  await t.test('by default the canonical host name is the id', async (t) => {
    t.match(await ask(t, undefined, 'ACME.test.:80'), served)
    t.match(await ask(t, undefined), notFound)
  })

  await t.test('a function', async (t) => {
    t.match(await ask(t, () => ACME), served)
    t.match(await ask(t, async () => ACME), served)
    t.match(await ask(t, (req) => hostnameOf(req), 'ACME.test'), served)
    for (const identify of [() => undefined, async () => undefined, () => 'unknown']) {
      t.match(await ask(t, identify), notFound)
    }
    t.match(await ask(t, () => ''), { status: 400, body: /TENANTRY_ERR_TENANT_ID_INVALID/ })
  })

  await t.test('a function that fails', async (t) => {
    const teapot = Object.assign(new Error('short and stout'), { statusCode: 418 })
    const told = { status: 418, body: /short and stout/ }
    const fail = () => {
      throw teapot
    }
    t.match(await ask(t, fail), told)
    t.match(await ask(t, () => Promise.reject(teapot)), told)
    // Of these, Express would take the first two for orders to go on, and the others for no error.
    for (const cause of ['route', 'router', undefined, null, 0]) {
      const none = { status: 500, body: /TENANTRY_ERR_NO_TENANT/ }
      t.match(await ask(t, () => Promise.reject(cause)), none, `${cause}`)
    }
  })

  await t.test('a host directory', async (t) => {
    const directory = hostDirectory<TestTenant>({
      lookup: (hostname) => (hostname === 'shop.test' ? ACME : undefined),
      hostnamesOf: () => ['Shop.test'],
    })
    t.match(await ask(t, directory, 'SHOP.test:80'), served)
    t.match(await ask(t, directory, ACME), notFound)
  })
}

async function testMounting(t: Test, express: Express): Promise<void> {
  await t.test('on a path: only what is below it is for tenants', async (t) => {
    const { get, port } = await serve(t, express, {
      routes: (app, tenants) => {
        app.use('/shop', tenants)
        app.get('/shop/id', (req, res) => res.send(req.tenant.id))
        app.get('/outside', (req, res) => res.json('tenant' in req))
      },
    })
    t.match(await get('/shop/id'), { status: 200, body: ACME })
    t.match(await get('/shop/id', 'unknown.test'), { status: 404, body: /There is no such tenant/ })
    t.equal((await get('/outside', 'unknown.test')).json(), false)
    for (const [host, statusCode] of [
      [ACME, 200],
      ['other.test', 400],
    ] as const) {
      const target = `http://${host}/shop/id`
      t.match(await askRaw(port, `GET ${target} HTTP/1.1\r\n${ONCE}\r\n\r\n`), { statusCode }, target)
    }
  })

  await t.test('G9: behind what rewrites targets: what came counts', async (t) => {
    const { port } = await serve(t, express, {
      routes: (app, tenants) => {
        app.use((req, _res, next) => {
          req.url = '/generation'
          next()
        })
        app.use(tenants)
      },
    })
    t.match(await askRaw(port, `GET http://acme.test/old HTTP/1.1\r\n${ONCE}\r\n\r\n`), { statusCode: 200 })
    const other = await askRaw(port, `GET http://other.test/old HTTP/1.1\r\n${ONCE}\r\n\r\n`)
    t.match(other, { statusCode: 400, body: /other\.test/ })
  })

  await t.test(
    'in a router, and in an app that is mounted: each trusts the proxies that it says',
    async (t) => {
      const { get } = await serve(t, express, {
        routes: (app, tenants) => {
          const answer = (req: Request, res: Response) => res.send(req.tenant.id)
          app.set('trust proxy', true)
          app.use('/router', express.Router().use(tenants).use(answer))
          app.use('/heir', express().use(tenants).use(answer))
          app.use('/doubter', express().set('trust proxy', false).use(tenants).use(answer))
        },
      })
      const forwarded = { 'x-forwarded-host': 'other.test' }
      for (const path of ['/router', '/heir']) {
        t.equal((await get(path, ACME, forwarded)).body, 'other.test', path)
      }
      t.equal((await get('/doubter', ACME, forwarded)).body, ACME)
    },
  )
}

async function testTwice(t: Test, express: Express): Promise<void> {
  await t.test('has one lease, and keeps its tenant', async (t) => {
    const leases: Lease<unknown>[] = []
    const { get, tenants, lifecycle } = await serve(t, express, {
      routes: (app, tenants) => {
        app.use(tenants)
        app.use((req, _res, next) => {
          leases.push(req.tenantLease)
          lifecycle.restart(ACME).then(() => next(), next)
        })
        app.use('/shop', tenants, (req, res) => {
          leases.push(req.tenantLease)
          res.json(tenants.pool.stats().leases)
        })
      },
    })
    t.equal((await get('/shop')).json(), 1)
    t.equal(leases.length, 2)
    t.equal(leases[0], leases[1])
    t.equal(tenants.pool.stats().leases, 0)
  })

  await t.test('has none if it was found to have none', async (t) => {
    const { get, built } = await serve(t, express, {
      routes: (app, tenants) => {
        app.use(tenants)
        app.use((_error: unknown, req: Request, _res: Response, next: NextFunction) => {
          req.headers.host = ACME
          next()
        })
        app.use(tenants)
        app.get('/none', (_req, res) => res.send('a page for nobody'))
      },
    })
    t.equal((await get('/none', 'unknown.test')).body, 'a page for nobody')
    t.match(await get('/generation', 'unknown.test'), { status: 500, body: /This request has no tenant/ })
    t.equal(built.length, 0)
  })

  await t.test('is refused where another pool, or anybody else, has given it a tenant', async (t) => {
    const other = open(t)
    const errors: TenantryError[] = []
    const { get, built, tenants } = await serve(t, express, {
      routes: (app, tenants) => {
        app.use('/by-another-pool', other.tenants)
        app.use('/by-anybody', (req, _res, next) => next(void Object.assign(req, { tenant: undefined })))
        app.use(tenants)
        app.use(notingErrors(errors))
      },
    })
    for (const path of ['/by-another-pool', '/by-anybody']) {
      t.match(await get(path), { status: 500, body: /TENANTRY_ERR_OPTIONS_INVALID/ }, path)
      t.match(errors.splice(0), [{ message: /Expected a request without `tenant`, got one that has it/ }])
    }
    t.equal(built.length, 0)
    t.equal((await get('/generation')).json(), 0)
    t.strictSame(
      [other, { tenants }].map(({ tenants }) => tenants.pool.stats().leases),
      [0, 0],
    )
  })
}

t.test('types', async (t) => {
  const tokens = new MemoryTokenStore()
  const load = (id: string) => ({ id })
  const app = express5()
  const inferred = tenantry({
    tokens,
    load: async (id) => ({ id, colour: 'red' }),
    create: (config) => {
      config satisfies { id: string; colour: string }
      // @ts-expect-error what `load` returns is known
      config.nonsense satisfies undefined
      return { id: config.id, generation: 0, disposals: 0 }
    },
    identify: (req: Request) => req.hostname,
  })
  t.teardown(() => inferred.close())
  inferred satisfies TenantMiddleware<{ id: string; colour: string }, Request>
  inferred.pool satisfies TenantPool<{ id: string; colour: string }, TestTenant>
  app.use(inferred)
  app.use('/path', inferred, (req, res) => res.send(req.tenant.id))
  app.get('/route', inferred, (req) => {
    req.tenant satisfies TestTenant
    req.tenantLease satisfies Lease<TestTenant>
    // @ts-expect-error tenants have what the application says that they have
    req.tenant.nonsense satisfies undefined
    // @ts-expect-error a request does not choose its tenant
    req.tenant = { id: ACME, generation: 0, disposals: 0 }
  })
  for (const tenants of [
    tenantry({ tokens, load, identify: (req) => req.url?.split('/')[1] }),
    tenantry({ tokens, load, identify: (req: IncomingMessage) => req.url }),
    tenantry({
      tokens,
      load,
      identify: hostDirectory<TestTenant>({ lookup: () => ACME, hostnamesOf: () => [] }),
    }),
    tenantry({ tokens, load }) satisfies TenantMiddleware<{ id: string }>,
  ]) {
    t.teardown(() => tenants.close())
    app.use(tenants)
  }
  // @ts-expect-error there is no tenant without a configuration
  t.throws(() => tenantry({ tokens }), { code: 'TENANTRY_ERR_OPTIONS_INVALID' })
  // @ts-expect-error an id is a string
  const numbered: TenantryOptions<object, Request>['identify'] = () => 1
  t.type(numbered, 'function')
})
