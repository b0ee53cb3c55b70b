import { EventEmitter, once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { logEvents } from '../src/adapter/log-events.ts'
import {
  LeaseEnd,
  type Log,
  type OpenTenants,
  openTenants,
  retryAfterSeconds,
  type ServerOptions,
} from '../src/adapter.ts'
import {
  hostDirectory,
  MemoryHeartbeats,
  MemoryTokenStore,
  type TenantPoolEvents,
  TenantryError,
} from '../src/index.ts'
import { TestConnection, TestResponse } from './fakes/connection.ts'
import { EVENTS } from './fakes/pool-event-names.ts'

/** Longer than any test waits. */
const NEVER_MS = 600_000

// The timers of heartbeats are no reason for a process to go on.
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))

/** A log that can be waited for. */
class TestLog extends EventEmitter {
  readonly lines: string[] = []

  readonly log: Log = {
    info: (_details, message) => this.#say('info', message),
    warn: (_details, message) => this.#say('warn', message),
    error: (_details, message) => this.#say('error', message),
  }

  #say(level: string, message: string): void {
    this.lines.push(`${level}: ${message}`)
    this.emit('line')
  }
}

interface Request {
  readonly host: string
}

/** A server without sockets, on a wall of its own. */
function serve(options: Partial<ServerOptions<Request, object, object>> = {}) {
  const log = new TestLog()
  const tokens = new MemoryTokenStore()
  const tenants: OpenTenants<Request, object, object> = openTenants(
    { tokens, load: (id) => (id === 'unknown' ? undefined : { id }), ...options },
    { hostnameOf: ({ host }) => host, log: log.log },
  )

  /** What becomes of a request: its tenant, or its error. */
  function ask(host: string): Promise<unknown> {
    const end = new LeaseEnd(new TestConnection(), new TestResponse(), NEVER_MS)
    return new Promise((resolve) => {
      tenants.lease({ host }, end, (error) => resolve(error ?? end.lease?.tenant))
    })
  }

  return { tenants, log, ask }
}

t.test('which tenant a request is for', async (t) => {
  t.test('by default the one that its host names', async (t) => {
    const { ask, tenants } = serve()
    t.same(await ask('acme'), { id: 'acme' })
    t.match(await ask('unknown'), { code: 'TENANTRY_ERR_TENANT_NOT_FOUND' })
    t.equal(tenants.pool.stats().leases, 1)
  })

  t.test('the one that `identify` says', async (t) => {
    const teapot = Object.assign(new Error('short and stout'), { statusCode: 418 })
    const cases: [identify: ServerOptions<Request, object, object>['identify'], expected: object][] = [
      [({ host }) => `${host}-1`, { id: 'acme-1' }],
      [async ({ host }) => `${host}-2`, { id: 'acme-2' }],
      [() => undefined, { code: 'TENANTRY_ERR_TENANT_NOT_FOUND' }],
      [async () => undefined, { code: 'TENANTRY_ERR_TENANT_NOT_FOUND' }],
      [() => '', { code: 'TENANTRY_ERR_TENANT_ID_INVALID' }],
      [
        () => {
          throw teapot
        },
        teapot,
      ],
      [() => Promise.reject(teapot), teapot],
      [() => Promise.reject('nothing'), { code: 'TENANTRY_ERR_NO_TENANT', cause: 'nothing' }],
      [() => Promise.reject(), { code: 'TENANTRY_ERR_NO_TENANT' }],
      [hostDirectory({ lookup: () => 'acme-3', hostnamesOf: () => ['acme'] }), { id: 'acme-3' }],
    ]
    for (const [identify, expected] of cases) {
      t.match(await serve(identify && { identify }).ask('acme'), expected)
    }
  })

  t.test('a host that is none is refused', async (t) => {
    const invalid = new TenantryError('TENANTRY_ERR_HOST_INVALID')
    const tenants = openTenants<Request, object, object>(
      { tokens: new MemoryTokenStore(), load: (id) => ({ id }) },
      {
        hostnameOf: () => {
          throw invalid
        },
        log: new TestLog().log,
      },
    )
    const end = new LeaseEnd(new TestConnection(), new TestResponse(), NEVER_MS)
    t.equal(await new Promise((resolve) => tenants.lease({ host: '' }, end, resolve)), invalid)
  })
})

t.test('what is no log is refused, and nothing is opened', async (t) => {
  const { log } = new TestLog()
  const cases: [log: unknown, message: string][] = [
    [undefined, 'Expected `logger` to be an object, got undefined'],
    [null, 'Expected `logger` to be an object, got null'],
    [true, 'Expected `logger` to be an object, got true'],
    [Symbol('log'), 'Expected `logger` to be an object, got Symbol(log)'],
    [() => {}, 'Expected `logger` to be an object, got a function'],
    [{ ...log, info: 'yes' }, 'Expected `logger.info` to be a function, got "yes"'],
    [{ ...log, warn: Symbol('warn') }, 'Expected `logger.warn` to be a function, got Symbol(warn)'],
    [{ ...log, error: undefined }, 'Expected `logger.error` to be a function, got undefined'],
  ]
  for (const [log, message] of cases) {
    const opened: string[] = []
    const options: ServerOptions<Request, object, object> = {
      tokens: () => {
        opened.push('tokens')
        return new MemoryTokenStore()
      },
      load: (id) => ({ id }),
      heartbeat: {
        replica: 'web-1',
        store: () => {
          opened.push('heartbeats')
          return new MemoryHeartbeats()
        },
      },
    }
    t.throws(() => openTenants(options, { hostnameOf: ({ host }) => host, log: log as Log }), {
      code: 'TENANTRY_ERR_OPTIONS_INVALID',
      message,
    })
    t.strictSame(opened, [], message)
  }
})

t.test('nobody is told of what becomes of a request whose client is gone', async (t) => {
  for (const id of ['acme', undefined]) {
    let identified!: (id: string | undefined) => void
    const { tenants } = serve({
      identify: () =>
        new Promise((resolve) => {
          identified = resolve
        }),
    })
    const connection = new TestConnection()
    const end = new LeaseEnd(connection, new TestResponse(), NEVER_MS)
    tenants.lease({ host: 'acme' }, end, () => t.fail('the request goes on'))
    connection.close()
    identified(id)
    await tenants.pool.use('acme', () => {})
    await turn()
    t.equal(tenants.pool.stats().leases, 0)
  }
})

t.test('closing', async (t) => {
  /** A store of heartbeats that can be cut off, and stuck. */
  class TestHeartbeats extends MemoryHeartbeats {
    readonly told: string[] = []
    cutOff = false
    stuck = false

    override async beat(...beat: Parameters<MemoryHeartbeats['beat']>): Promise<boolean> {
      if (this.cutOff) throw new Error('cut off')
      return super.beat(...beat)
    }

    override async leave(replica: string): Promise<void> {
      this.told.push(`${replica} left`)
      await super.leave(replica)
    }

    async close(): Promise<void> {
      this.told.push('closed')
      if (this.stuck) throw new Error('stuck')
    }
  }

  /** A store that knows whether it was closed. */
  class TestTokenStore extends MemoryTokenStore {
    closed = 0

    async close(): Promise<void> {
      this.closed += 1
    }
  }

  t.test('the replica says goodbye, and a store that was opened for it is closed', async (t) => {
    for (const open of [true, false]) {
      const store = new TestHeartbeats()
      const { tenants, ask } = serve({ heartbeat: { replica: 'web-1', store: open ? () => store : store } })
      await tenants.close()
      t.same(store.told, open ? ['web-1 left', 'closed'] : ['web-1 left'])
      t.match(await ask('acme'), { code: 'TENANTRY_ERR_POOL_CLOSED' })
    }
    const { tenants, ask } = serve()
    await tenants.close()
    t.match(await ask('acme'), { code: 'TENANTRY_ERR_POOL_CLOSED' }, 'where nobody was told, either')
  })

  t.test('what cannot be closed is reported, after all else has ended', async (t) => {
    const [store, tokens] = [new TestHeartbeats(), new TestTokenStore()]
    store.stuck = true
    const { tenants } = serve({
      tokens: () => tokens,
      heartbeat: { replica: 'web-1', store: () => store },
    })
    await t.rejects(tenants.close(), { message: 'stuck' })
    t.equal(tokens.closed, 1)
  })

  t.test('where both the pool and the heartbeat cannot be closed, both reasons are told', async (t) => {
    const [store, tokens] = [new TestHeartbeats(), new TestTokenStore()]
    store.stuck = true
    tokens.close = () => Promise.reject(new Error('jammed'))
    const { tenants } = serve({
      tokens: () => tokens,
      heartbeat: { replica: 'web-1', store: () => store },
    })
    await t.rejects(tenants.close(), {
      name: 'AggregateError',
      message: 'Neither the pool nor the heartbeat closed well',
      errors: [{ message: 'jammed' }, { message: 'stuck' }],
    })
  })

  t.test('what was opened before invalid options were found is closed', async (t) => {
    const store = new TestHeartbeats()
    const refused: [wrong: object, message: string][] = [
      [{ identify: 'host' }, 'Expected a host directory, made by `hostDirectory`, got "host"'],
      [
        { heartbeat: 'web-1' },
        'Expected `heartbeat` to be an object with `replica` and `store`, got "web-1"',
      ],
      [{ heartbeat: null }, 'Expected `heartbeat` to be an object with `replica` and `store`, got null'],
      [
        { heartbeat: { store: () => store } },
        'Expected `replica` to be a name of 1 to 128 printable characters, got undefined',
      ],
      [
        { heartbeat: { replica: 'web-1', store: () => undefined } },
        'Expected `store` to be a heartbeat store, got undefined',
      ],
    ]
    for (const [wrong, message] of refused) {
      const tokens = new TestTokenStore()
      t.throws(() => serve({ tokens: () => tokens, ...wrong }), {
        code: 'TENANTRY_ERR_OPTIONS_INVALID',
        message,
      })
      await turn()
      t.equal(tokens.closed, 1)
    }
    t.same(store.told, ['closed'])

    store.stuck = true
    t.throws(() => serve({ heartbeat: { replica: '', store: () => store } }), /Expected `replica`/)
    await turn()
    t.same(store.told, ['closed', 'closed'], 'the error of the options counts')
  })

  t.test('the log tells once that nobody is told, and once that somebody is', async (t) => {
    const store = new TestHeartbeats()
    store.cutOff = true
    const { tenants, log } = serve({ heartbeat: { replica: 'web-1', store } })
    await once(log, 'line')
    store.cutOff = false
    await once(log, 'line')
    t.same(log.lines, [
      'warn: heartbeat failed: nobody sees what this replica holds',
      'info: heartbeat taken in again',
    ])
    await tenants.close()
  })
})

t.test('every event of a pool is logged, once, but for what strangers can cause', async (t) => {
  const pool = new EventEmitter<TenantPoolEvents>()
  const log = new TestLog()
  logEvents(pool, log.log)
  const told = { id: 'acme', durationMs: 1.5, afterMs: 1.5, leases: 0, error: new Error('no database') }
  for (const event of EVENTS) pool.emit(event, told as never)
  pool.emit('disposed', { id: 'acme', token: 'a token', leases: 1 })
  t.same(log.lines, [
    'info: tenant built',
    'error: tenant build failed',
    'info: tenant replaced: its token has changed',
    'info: tenant evicted to make room',
    'info: tenant disposed of',
    'error: tenant could not be disposed of',
    'error: token store unreachable: tenants in memory are served unchecked',
    'info: token store reachable again',
    'error: token key failed',
    'info: token key answered again',
    'error: host names of the tenant cannot be had',
    'error: host name cannot be looked up',
    'info: host name can be looked up again',
    'warn: tenant disposed of at the drain deadline, still leased',
  ])
})

t.test('Retry-After is in whole seconds, at least one, and only where trying again is of use', async (t) => {
  const failed = (retryAfterMs: number) => new TenantryError('TENANTRY_ERR_BUILD_FAILED', { retryAfterMs })
  t.equal(retryAfterSeconds(failed(1)), 1)
  t.equal(retryAfterSeconds(failed(1000)), 1)
  t.equal(retryAfterSeconds(failed(1001)), 2)
  t.equal(retryAfterSeconds(new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')), undefined)
  t.equal(retryAfterSeconds(new Error('any other')), undefined)
})
