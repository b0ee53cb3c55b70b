import { ACME, Wire, Work } from '@tenantry/adapter-suite'
import { MemoryHeartbeats, MemoryTokenStore } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import { type FastifyInstance, fastify } from 'fastify'
import t from 'tap'
import { tenantry } from '../src/index.ts'
import { serve } from './support/serve.ts'
import { visitOf } from './support/visit.ts'

/** A store that knows whether it was closed. */
class TestTokenStore extends MemoryTokenStore {
  closed = 0

  async close(): Promise<void> {
    this.closed += 1
  }
}

const load = (id: string) => (id === 'unknown.test' ? undefined : { id })

t.test('invalid options', async (t) => {
  for (const options of [{}, { load }, { tokens: new MemoryTokenStore(), load, maxTenants: 0 }]) {
    const app = fastify()
    await t.rejects(async () => app.register(tenantry, options as never), {
      code: 'TENANTRY_ERR_OPTIONS_INVALID',
    })
    await t.rejects(async () => app.ready(), { code: 'TENANTRY_ERR_OPTIONS_INVALID' })
    await app.close()
  }
})

t.test(
  'an identify that is neither a function nor a directory is refused, and the store is closed',
  async (t) => {
    const store = new TestTokenStore()
    const app = fastify()
    await t.rejects(
      async () => app.register(tenantry, { tokens: () => store, load, identify: 'host' as never }),
      {
        code: 'TENANTRY_ERR_OPTIONS_INVALID',
      },
    )
    t.equal(store.closed, 1)
    await t.rejects(async () => app.ready(), { code: 'TENANTRY_ERR_OPTIONS_INVALID' })
    await app.close()
  },
)

t.test('a second registration is refused, and opens nothing', async (t) => {
  const stores: TestTokenStore[] = []
  const options = {
    tokens: () => {
      stores.push(new TestTokenStore())
      return stores.at(-1) as TestTokenStore
    },
    load,
  }
  const again = { code: 'FST_ERR_DEC_ALREADY_PRESENT', message: /tenant/ }
  const app = fastify()
  await app.register(tenantry, options)
  await t.rejects(async () => app.register(tenantry, options), again)
  await app.close()

  const parent = fastify()
  await parent.register(tenantry, options)
  await t.rejects(async () => parent.register(async (child) => child.register(tenantry, options)), again)
  await parent.close()

  t.strictSame(
    stores.map(({ closed }) => closed),
    [1, 1],
  )
})

t.test(
  'an application that has taken one of the names itself is refused, and nothing is opened',
  async (t) => {
    const cases: [name: string, take: (app: FastifyInstance) => unknown][] = [
      ['tenants', (app) => app.decorate('tenants' as never, ['acme'] as never)],
      ['tenant', (app) => app.decorateRequest('tenant' as never, null as never)],
      ['tenantLease', (app) => app.decorateRequest('tenantLease' as never, null as never)],
    ]
    for (const [name, take] of cases) {
      const opened: string[] = []
      const app = fastify()
      take(app)
      const options = {
        tokens: () => {
          opened.push('tokens')
          return new MemoryTokenStore()
        },
        load,
        heartbeat: {
          replica: 'web-1',
          store: () => {
            opened.push('heartbeats')
            return new MemoryHeartbeats()
          },
        },
      }
      const taken = { code: 'FST_ERR_DEC_ALREADY_PRESENT', message: new RegExp(`'${name}'`) }
      await t.rejects(async () => app.register(tenantry, options), taken)
      await app.close()
      t.strictSame(opened, [], name)
    }
  },
)

t.test('closing', async (t) => {
  await t.test(
    'G3: requests under way finish, later ones are refused, tenants are disposed of, and then the store is closed',
    async (t) => {
      const work = new Work()
      const store = new TestTokenStore()
      const told: string[] = []
      store.close = async () => void told.push('store closed')
      const { app, built, port } = await serve(t, {
        // Otherwise Fastify refuses them itself.
        fastify: { return503OnClosing: false },
        plugin: { tokens: () => store },
        routes: (app) => {
          app.get('/', async (request) => {
            await work.do(visitOf(request))
            work.use(visitOf(request), 'while the app closes')
            told.push('answered')
            return 'done'
          })
        },
      })
      app.tenants.on('disposed', () => told.push('disposed'))
      const wire = await Wire.open(port)
      wire.get('/', `Host: ${ACME}`)
      const { signal } = (await work.begun()).lease
      const closed = app.close()
      await eventually(() => signal.aborted)
      t.equal(signal.reason.code, 'TENANTRY_ERR_POOL_CLOSED')
      wire.get('/generation', `Host: ${ACME}`)
      await t.rejects(app.tenants.acquire(ACME), { code: 'TENANTRY_ERR_POOL_CLOSED' })
      t.strictSame(told, [])
      work.finish()
      await closed
      t.strictSame(told, ['answered', 'disposed', 'store closed'])
      t.strictSame(work.mourners, [])
      t.equal(built[0]?.disposals, 1)
      await wire.ended()
      t.match(wire.received, /200 OK.*done.*503 .*retry-after: 1.*TENANTRY_ERR_POOL_CLOSED/is)
    },
  )

  await t.test('builds under way end', async (t) => {
    let signal: AbortSignal | undefined
    const { app, port } = await serve(t, {
      fastify: { return503OnClosing: false },
      plugin: {
        load: (_id, context) => {
          signal = context.signal
          return new Promise(() => {})
        },
      },
    })
    const wire = await Wire.open(port)
    wire.get('/generation', `Host: ${ACME}\r\nConnection: close`)
    await eventually(() => signal)
    await app.close()
    t.equal(signal?.reason.code, 'TENANTRY_ERR_POOL_CLOSED')
    await wire.ended()
    t.match(wire.received, /503 .*TENANTRY_ERR_POOL_CLOSED/s)
  })

  await t.test('a store that the application brought stays open', async (t) => {
    const store = new TestTokenStore()
    const { app } = await serve(t, { plugin: { tokens: store } })
    await app.close()
    t.equal(store.closed, 0)
  })

  await t.test('an app that never listened, or was never ready', async (t) => {
    for (const prepare of [
      (app: FastifyInstance) => app.inject({ url: '/', headers: { host: ACME } }),
      (app: FastifyInstance) => app.ready(),
      () => undefined,
    ]) {
      const store = new TestTokenStore()
      const app = fastify()
      await app.register(tenantry, { tokens: () => store, load })
      await prepare(app)
      await app.close()
      t.equal(store.closed, 1)
      await t.rejects(app.tenants.acquire(ACME), { code: 'TENANTRY_ERR_POOL_CLOSED' })
    }
  })

  await t.test('a store that cannot be closed is reported by close(), once', async (t) => {
    const store = new TestTokenStore()
    const app = fastify()
    await app.register(tenantry, { tokens: () => store, load })
    const failed = new Promise<void>((resolve) => {
      store.close = async () => {
        setImmediate(resolve)
        throw new Error('stuck')
      }
    })
    // The failure is there long before anybody hears of it.
    app.addHook('preClose', () => failed)
    await app.ready()
    await t.rejects(app.close(), { message: 'stuck' })
  })
})
