import { ACME, askRaw, type TestTenant } from '@tenantry/adapter-suite'
import { hostDirectory, type Lease, MemoryTokenStore, TenantryError } from '@tenantry/core'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import t, { type Test } from 'tap'
import { hostnameOf, type TenantryOptions, tenantry } from '../src/index.ts'
import { serve } from './support/serve.ts'

/** Asks for `path` once. */
function get(port: number, path: string, host = ACME) {
  return askRaw(port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
}

t.test('a request has its tenant, and its lease', async (t) => {
  let lease: FastifyRequest['tenantLease'] | undefined
  const { app, port, tokens, built, restart } = await serve(t, {
    routes: (app) => {
      app.get('/', async ({ tenant, tenantLease }) => {
        lease = tenantLease
        return { tenant: tenant.id, same: tenantLease.tenant === tenant }
      })
    },
  })
  t.strictSame(JSON.parse((await get(port, '/')).body), { tenant: ACME, same: true })
  t.equal(lease?.id, ACME)
  t.strictSame(await tokens.read([`tenant:${ACME}`]), [lease?.token])
  t.ok(lease?.builtAt instanceof Date)
  t.equal(lease?.tenant, built[0])
  t.match(app.tenants.stats(), { tenants: 1 })

  const { signal } = lease as NonNullable<typeof lease>
  t.equal(signal.aborted, false)
  await restart()
  t.equal(signal.reason.code, 'TENANTRY_ERR_TENANT_RESTARTED')
  t.equal((await get(port, '/generation')).body, '1', 'G1: a request after a restart has the new tenant')
})

t.test(
  'G2: a request sees one tenant from its first hook to its last, whatever is restarted meanwhile',
  async (t) => {
    const seen: [hook: string, tenant: TestTenant][] = []
    const note = (hook: string) => async (request: FastifyRequest) => {
      seen.push([hook, request.tenant])
      await served.restart()
    }
    const hooks = [
      'onRequest',
      'preParsing',
      'preValidation',
      'preHandler',
      'preSerialization',
      'onSend',
    ] as const
    const served = await serve(t, {
      routes: (app) => {
        for (const hook of hooks) app.addHook(hook as 'onRequest', note(hook))
        app.addHook('onResponse', note('onResponse'))
        app.get('/', async (request) => {
          await note('handler')(request)
          return { tenant: request.tenant.generation }
        })
      },
    })
    t.equal((await get(served.port, '/')).body, '{"tenant":0}')
    await served.drained()
    t.strictSame(
      seen.map(([hook]) => hook),
      [...hooks.slice(0, 4), 'handler', ...hooks.slice(4), 'onResponse'],
    )
    t.ok(seen.every(([, tenant]) => tenant === served.built[0]))
    t.ok(served.built.length > seen.length)
  },
)

t.test('a route that opted out has no tenant', async (t) => {
  const { port, built } = await serve(t, {
    routes: (app) => {
      app.get('/health', { config: { tenant: false } }, async () => 'well')
      app.get('/tenant', { config: { tenant: false } }, async (request) => request.tenant)
      app.get('/lease', { config: { tenant: false } }, async (request) => request.tenantLease)
      app.get('/in', { config: { tenant: true } }, async (request) => request.tenant.id)
    },
  })
  t.match(await get(port, '/health', 'unknown.test'), { statusCode: 200, body: 'well' })
  t.match(await get(port, '/health', 'not/valid'), { statusCode: 200 })
  for (const path of ['/tenant', '/lease']) {
    t.match(await get(port, path), { statusCode: 500, body: /"TENANTRY_ERR_NO_TENANT".*has no tenant/ })
  }
  t.equal(built.length, 0)
  t.match(await get(port, '/in'), { statusCode: 200, body: ACME })
})

t.test(
  'the tenant is there before any hook that is registered later, and what has none goes no further',
  async (t) => {
    const seen: string[] = []
    const { port } = await serve(t, {
      before: (app) => app.addHook('onRequest', async (request) => t.throws(() => request.tenant)),
      routes: (app) => app.addHook('onRequest', async (request) => void seen.push(request.tenant.id)),
    })
    t.match(await get(port, '/generation'), { statusCode: 200 })
    t.match(await get(port, '/generation', 'unknown.test'), { statusCode: 404 })
    t.match(await get(port, '/generation', 'not/valid'), { statusCode: 400 })
    t.strictSame(seen, [ACME])
  },
)

t.test('identify', async (t) => {
  /** Serves by `identify`, and asks once. */
  async function ask(t: Test, identify: TenantryOptions['identify'], host = 'whatever.test') {
    const { port } = await serve(t, { plugin: { ...(identify && { identify }) } })
    return get(port, '/generation', host)
  }

  await t.test('by default the canonical host name is the id', async (t) => {
    t.match(await ask(t, undefined, 'ACME.test.:80'), { statusCode: 200 })
    t.match(await ask(t, undefined), { statusCode: 404, body: /TENANTRY_ERR_TENANT_NOT_FOUND/ })
  })

  await t.test('a function', async (t) => {
    t.match(await ask(t, () => ACME), { statusCode: 200 })
    t.match(await ask(t, async () => ACME), { statusCode: 200 })
    t.match(await ask(t, (request) => hostnameOf(request), 'ACME.test'), { statusCode: 200 })
    for (const identify of [() => undefined, async () => undefined, () => 'unknown']) {
      t.match(await ask(t, identify), { statusCode: 404, body: /TENANTRY_ERR_TENANT_NOT_FOUND/ })
    }
    t.match(await ask(t, () => ''), { statusCode: 400, body: /TENANTRY_ERR_TENANT_ID_INVALID/ })
    const teapot = Object.assign(new Error('short and stout'), { statusCode: 418 })
    t.match(
      await ask(t, () => {
        throw teapot
      }),
      { statusCode: 418, body: /short and stout/ },
    )
    t.match(await ask(t, () => Promise.reject(teapot)), { statusCode: 418, body: /short and stout/ })
  })

  await t.test('a function that fails without an error', async (t) => {
    const { port } = await serve(t, {
      plugin: { identify: () => Promise.reject() },
      routes: (app) => app.get('/', async () => 'went on'),
    })
    t.match(await get(port, '/'), { statusCode: 500, body: /TENANTRY_ERR_NO_TENANT/ })
  })

  await t.test('a host directory', async (t) => {
    const directory = hostDirectory<TestTenant>({
      lookup: (hostname) => (hostname === 'shop.test' ? ACME : undefined),
      hostnamesOf: () => ['Shop.test'],
    })
    t.match(await ask(t, directory, 'SHOP.test:80'), { statusCode: 200 })
    t.match(await ask(t, directory, ACME), { statusCode: 404, body: /TENANTRY_ERR_TENANT_NOT_FOUND/ })
    t.match(await ask(t, directory, 'shop.test, shop.test'), { statusCode: 400 })
  })
})

t.test('errors are JSON with a code, and tell nothing of the inside', async (t) => {
  const secret = 'postgres://root:hunter2@10.0.0.1'
  const fails = () => Promise.reject(new Error(secret))
  const cases: [code: string, statusCode: number, plugin: Partial<TenantryOptions>, host?: string][] = [
    ['TENANTRY_ERR_HOST_INVALID', 400, {}, 'not/valid'],
    ['TENANTRY_ERR_TENANT_NOT_FOUND', 404, {}, 'unknown.test'],
    ['TENANTRY_ERR_BUILD_FAILED', 503, { load: fails }],
    ['TENANTRY_ERR_BUILD_FAILED', 503, { create: fails }],
    [
      'TENANTRY_ERR_STORE_UNREACHABLE',
      503,
      { tokens: Object.assign(new MemoryTokenStore(), { read: fails }) },
    ],
    [
      'TENANTRY_ERR_LOOKUP_FAILED',
      503,
      { identify: hostDirectory<TestTenant>({ lookup: fails, hostnamesOf: () => [] }) },
    ],
  ]
  for (const [code, statusCode, plugin, host] of cases) {
    const { port } = await serve(t, { plugin })
    const answer = await get(port, '/generation', host)
    const body = JSON.parse(answer.body)
    t.match(answer.headers, { 'content-type': 'application/json; charset=utf-8' }, code)
    t.match(body, { statusCode, code, message: /^[A-Z]/ })
    t.equal(answer.statusCode, statusCode)
    t.match(
      answer.headers['retry-after'] ?? '',
      statusCode === 503 ? /^1$/ : /^$/,
      'whole seconds, at least one',
    )
    t.notMatch(answer.body, 'hunter2')
  }

  await t.test('Retry-After is in whole seconds, rounded up, and at least one', async (t) => {
    for (const [retryAfterMs, seconds] of [
      [0, '1'],
      [1000, '1'],
      [1001, '2'],
    ] as const) {
      const error = new TenantryError('TENANTRY_ERR_LOOKUP_FAILED', { retryAfterMs })
      const { port } = await serve(t, { plugin: { identify: () => Promise.reject(error) } })
      t.equal((await get(port, '/generation')).headers['retry-after'], seconds)
    }
  })
})

t.test('an error handler of the application sees what happened', async (t) => {
  const seen: Error[] = []
  const { port } = await serve(t, {
    plugin: { load: (id) => (id === ACME ? Promise.reject(new Error('inside')) : undefined) },
    before: (app) => {
      app.setErrorHandler((error: Error, request: FastifyRequest, reply: FastifyReply) => {
        seen.push(error)
        t.throws(() => request.tenant, { code: 'TENANTRY_ERR_NO_TENANT' })
        t.throws(() => request.tenantLease, { code: 'TENANTRY_ERR_NO_TENANT' })
        return reply.code(599).send('ours')
      })
    },
  })
  t.match(await get(port, '/generation', 'unknown.test'), { statusCode: 599, body: 'ours' })
  t.match(await get(port, '/generation'), { statusCode: 599, headers: { 'retry-after': '1' } })
  t.ok(seen[0] instanceof TenantryError)
  t.match(seen, [
    { code: 'TENANTRY_ERR_TENANT_NOT_FOUND', statusCode: 404 },
    { code: 'TENANTRY_ERR_BUILD_FAILED', statusCode: 503, retryAfterMs: 500, cause: { message: 'inside' } },
  ])
})

t.test('where there is no route', async (t) => {
  const { port } = await serve(t)
  t.match(await get(port, '/nowhere'), { statusCode: 404, body: /Route GET:\/nowhere not found/ })
  t.match(await get(port, '/nowhere', 'unknown.test'), {
    statusCode: 404,
    body: /TENANTRY_ERR_TENANT_NOT_FOUND/,
  })
  t.match(await get(port, '/nowhere', 'not/valid'), { statusCode: 400 })
})

t.test('contexts below and beside the one where it is registered have tenants too', async (t) => {
  const { app, port } = await serve(t, {
    routes: (app) => {
      app.register(async (child: FastifyInstance) => {
        child.get('/child', async ({ tenant }) => `${tenant.id} ${child.tenants === app.tenants}`)
      })
      app.register(
        async (sibling: FastifyInstance) => {
          sibling.setErrorHandler((error: Error) => `handled ${error.message}`)
          sibling.get('/', async ({ tenant }) => tenant.id)
        },
        { prefix: '/sibling' },
      )
    },
  })
  t.equal((await get(port, '/child')).body, `${ACME} true`)
  t.equal((await get(port, '/sibling')).body, ACME)
  t.match((await get(port, '/sibling', 'unknown.test')).body, 'handled There is no such tenant')
  t.match(app.tenants.stats(), { tenants: 1 })

  const contained = fastify()
  t.teardown(() => contained.close())
  await contained.register(async (child) => {
    await child.register(tenantry, { tokens: new MemoryTokenStore(), load: (id) => id })
    child.get('/inside', async (request) => `${request.tenant}`)
  })
  contained.get('/outside', async (request) => String(request.tenant))
  t.equal((await contained.inject({ url: '/inside', headers: { host: ACME } })).body, ACME)
  t.equal((await contained.inject({ url: '/outside', headers: { host: ACME } })).body, 'undefined')
  t.notOk(contained.hasDecorator('tenants'))
})

t.test('what the types refuse does not work', async (t) => {
  const { port } = await serve(t, {
    routes: (app) => {
      app.get('/assign', async (request) => {
        // @ts-expect-error a request does not choose its tenant
        request.tenant = { id: ACME, generation: 0, disposals: 0 }
      })
      // @ts-expect-error to opt out or not
      app.get('/maybe', { config: { tenant: 'no' } }, async (request) => {
        request.tenant satisfies TestTenant
        request.tenantLease satisfies Lease<TestTenant>
        // @ts-expect-error tenants have what the application says that they have
        return { id: request.tenant.id, nonsense: request.tenant.nonsense }
      })
    },
  })
  t.match(await get(port, '/maybe'), { statusCode: 200, body: `{"id":"${ACME}"}` })
  t.match(await get(port, '/assign'), { statusCode: 500, body: /only a getter/ })
  // @ts-expect-error there is no tenant without a configuration
  const options: TenantryOptions = { tokens: new MemoryTokenStore() }
  await t.rejects(async () => fastify().register(tenantry, options), { code: 'TENANTRY_ERR_OPTIONS_INVALID' })
})
