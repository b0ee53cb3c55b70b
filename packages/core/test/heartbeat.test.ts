import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import t, { type Test } from 'tap'
import {
  type Beat,
  Heartbeat,
  MemoryTokenStore,
  systemClock,
  TenantPool,
  type TenantPoolEvents,
} from '../src/index.ts'
import { HeldHeartbeats } from './fakes/held-heartbeats.ts'
import { settle } from './fakes/manual-clock.ts'
import { Replica, type ReplicaOptions } from './fakes/replica.ts'
import { mustEndWell } from './fakes/scenario.ts'

/** How long after a change the beat comes that tells it, where the last one is a second ago. */
const GATHER_MS = 50

interface Scene {
  readonly replica: Replica
  readonly store: HeldHeartbeats
  readonly heartbeat: Heartbeat
  /** Lets time pass, and returns what has been told in it. */
  toldIn(ms: number): Promise<string[]>
}

/** A subtest on one replica that tells of itself. Its first beat is over. */
function scenario(
  name: string,
  options: ReplicaOptions,
  run: (t: Test, scene: Scene) => Promise<void>,
): void {
  t.test(name, async (t) => {
    const replica = new Replica({ sweepMs: 150_000, ...options })
    const { pool, clock } = replica
    const store = new HeldHeartbeats()
    const heartbeat = new Heartbeat({ pool, store, clock, replica: 'web-1' })
    await clock.advance(GATHER_MS)
    t.same(store.told(), ['whole:'])
    await clock.advance(1000)
    await run(t, {
      replica,
      store,
      heartbeat,
      async toldIn(ms) {
        await settle()
        await clock.advance(ms)
        return store.told()
      },
    })
    store.calls.letGo()
    await Promise.all([heartbeat.close(), clock.advance(1000)])
    await mustEndWell(t, replica)
  })
}

t.test('the first beat tells all that the pool holds, with its whole stamp', async (t) => {
  const replica = new Replica()
  const { pool, clock } = replica
  const { lease } = await replica.served('acme')
  await replica.served('ball')
  const store = new HeldHeartbeats()
  const before = new Date()
  const heartbeat = new Heartbeat({ pool, store, clock, replica: 'web-1' })
  await clock.advance(GATHER_MS)
  t.equal(store.beats.length, 1)
  const [beat] = store.beats
  t.match(beat, { replica: 'web-1', whole: true, gone: [] })
  t.ok((beat?.startedAt as Date) >= before)
  t.same([...(beat?.reports.keys() ?? [])].sort(), ['acme', 'ball'])
  const held = { state: 'held', token: 'acme 0', all: 'all 0', builtAt: lease?.builtAt }
  t.strictSame(beat?.reports.get('acme'), held)
  await heartbeat.close()
  await mustEndWell(t, replica)
})

scenario('later beats tell what has changed, and nothing else', {}, async (t, { replica, toldIn }) => {
  await replica.served('acme')
  await replica.served('ball')
  t.same(await toldIn(GATHER_MS), ['acme (acme 0, all 0) ball (ball 0, all 0)'])

  replica.manager.restart('acme')
  await replica.served('acme')
  t.same(await toldIn(1000), ['acme (acme 1, all 0)'], 'what leaves and is built again is told once')

  replica.manager.restart('ball')
  replica.loads.holding = true
  await replica.building('ball')
  t.same(await toldIn(1000), ['no ball'], 'what is being built is not held')
  replica.loads.letGo()
  t.same(await toldIn(1000), ['ball (ball 2, all 0)'])
})

scenario('a restart of all tenants shows in each', {}, async (t, { replica, toldIn }) => {
  for (const id of ['acme', 'ball']) await replica.served(id)
  await toldIn(1000)
  replica.manager.restartAll()
  for (const id of ['acme', 'ball']) await replica.served(id)
  t.same(await toldIn(1000), ['acme (acme 0, all 1) ball (ball 0, all 1)'])
})

scenario('what is evicted is gone', { maxTenants: 2 }, async (t, { replica, toldIn }) => {
  for (const id of ['acme', 'ball']) await replica.served(id)
  await toldIn(1000)
  await replica.served('cape')
  t.same(await toldIn(1000), ['cape (cape 0, all 0) no acme'])
})

scenario('to look at what is held is no use of it', { maxTenants: 2 }, async (t, { replica }) => {
  const { pool } = replica
  for (const id of ['acme', 'ball']) await replica.served(id)
  t.match(pool.heldOf('acme'), { state: 'held', token: 'acme 0' })
  t.same([...pool.held().keys()].sort(), ['acme', 'ball'])
  await replica.served('cape')
  t.same([pool.heldOf('acme'), pool.heldOf('nobody')], [undefined, undefined])
  t.same([...pool.held().keys()].sort(), ['ball', 'cape'])
  t.throws(() => pool.heldOf(''), { code: 'TENANTRY_ERR_TENANT_ID_INVALID' })
})

scenario('there is at most one beat a second, however much happens', {}, async (t, { replica, toldIn }) => {
  await replica.served('acme')
  await toldIn(GATHER_MS)
  for (let restarts = 1; restarts <= 99; restarts += 1) {
    replica.manager.restart('acme')
    await replica.served('acme')
    t.same(await toldIn(10), [])
  }
  t.same(await toldIn(10), ['acme (acme 99, all 0)'])
  t.same(await toldIn(999), [])
})

scenario('where nothing happens a beat is told three times in a lifetime', {}, async (t, { toldIn }) => {
  await toldIn(3000)
  t.same(await toldIn(9 * 3334), new Array(9).fill(''))
})

scenario(
  'what has failed is told with its tokens and why, until it is held',
  {},
  async (t, { replica, store, toldIn }) => {
    replica.loads.holding = true
    await replica.building('acme')
    replica.loads.next().fail(new Error('no database'))
    await settle()
    await replica.clock.advance(GATHER_MS)
    const report = store.beats[0]?.reports.get('acme')
    t.match(report, { state: 'failed', token: 'acme 0', all: 'all 0', failedAt: Date })
    t.same(store.told(), ['acme failed: no database'])

    replica.loads.letGo()
    await replica.served('acme')
    t.same(await toldIn(1000), [], 'it has only been refused')
    replica.manager.restart('acme')
    await replica.served('acme')
    t.same(await toldIn(1000), ['acme (acme 1, all 0)'])
    replica.manager.restart('acme')
    replica.loads.holding = true
    replica.request('acme')
    await replica.answerRead()
    t.same(await toldIn(1000), ['no acme'], 'the failure of long ago is forgotten')
  },
)

scenario('what has failed is gone when the tenant no longer exists', {}, async (t, { replica, toldIn }) => {
  replica.creates.carryOut = () => undefined as never
  await replica.served('acme')
  t.match(await toldIn(1000), [/^acme failed: Expected `create` to return a tenant/])
  replica.manager.versions.delete('acme')
  replica.manager.store.tokens.set('tenant:acme', 'deleted')
  await replica.served('acme')
  await replica.served('nobody')
  t.same(await toldIn(1000), ['no acme'])
})

scenario(
  'what has failed is part of what is told to a store that knows nothing',
  {},
  async (t, { replica, store, toldIn }) => {
    await replica.served('ball')
    replica.creates.carryOut = () => undefined as never
    await replica.served('acme')
    await toldIn(1000)
    store.knows = false
    t.same(await toldIn(3334), [''])
    t.match(await toldIn(1000), [/^whole: acme failed: .* ball \(ball 0, all 0\)$/])
    store.knows = true
    t.same(await toldIn(3334), [''], 'and then only what changes')
  },
)

const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const reasons: [string, unknown, string | RegExp][] = [
  ['an error', new Error('no database'), 'no database'],
  ['and its cause', new Error('no database', { cause }), 'no database: connect ECONNREFUSED'],
  ['which it may have said', new Error('no: connect ECONNREFUSED', { cause }), 'no: connect ECONNREFUSED'],
  ['an error without words', new RangeError(), 'RangeError'],
  ['many errors without words', new AggregateError([cause, cause]), 'connect ECONNREFUSED'],
  ['and without errors', new AggregateError([]), 'AggregateError'],
  ['a string', 'no database', '"no database"'],
  ['an object that cannot be told', Object.create(null), 'an object'],
  ['a long error', new Error('x'.repeat(501)), `${'x'.repeat(499)}…`],
  ['a character at the end', new Error('🎈'.repeat(300)), `${'🎈'.repeat(249)}\ufffd…`],
]
for (const [what, error, reason] of reasons) {
  scenario(`what has failed says why: ${what}`, {}, async (t, { replica, toldIn }) => {
    replica.loads.holding = true
    await replica.building('acme')
    replica.loads.next().fail(error)
    await settle()
    t.same(await toldIn(1000), [`acme failed: ${reason}`])
  })
}

t.test('G8: strangers push no known tenant out, only each other', async (t) => {
  const pool = new TestPool()
  const store = new HeldHeartbeats()
  const { clock } = new Replica()
  const heartbeat = new Heartbeat({ pool, store, clock, replica: 'web-1' })
  await clock.advance(GATHER_MS)

  async function next() {
    await clock.advance(1000)
    return store.beats.at(-1) as Beat
  }

  pool.fail('known', 'token')
  for (let stranger = 0; stranger < 1000; stranger += 1) pool.fail(`stranger-${stranger}`, null)
  t.equal((await next()).reports.size, 1001)
  for (let stranger = 1000; stranger < 1010; stranger += 1) pool.fail(`stranger-${stranger}`, null)
  const { reports, gone } = await next()
  t.equal(reports.size, 10)
  t.same(
    gone,
    Array.from({ length: 10 }, (_, stranger) => `stranger-${stranger}`),
  )

  for (const token of [null, 'token', null]) {
    pool.fail('known', token)
    t.equal((await next()).reports.get('known')?.token, token, 'the last failure is the one that counts')
  }
  await heartbeat.close()
})

scenario(
  'a store that fails is told again what it has not taken in, as it is by then',
  {},
  async (t, scene) => {
    const { replica, store, heartbeat, toldIn } = scene
    const outages: unknown[] = []
    heartbeat.on('failed', ({ error }) => outages.push(error))
    heartbeat.on('recovered', ({ afterMs }) => outages.push(afterMs))
    const error = new Error('connection lost')
    store.calls.carryOut = () => {
      throw error
    }
    for (const id of ['acme', 'ball']) await replica.served(id)
    t.same(await toldIn(GATHER_MS), ['acme (acme 0, all 0) ball (ball 0, all 0)'])
    replica.manager.restart('acme')
    await replica.served('acme')
    await replica.served('cape')
    const all = 'acme (acme 1, all 0) ball (ball 0, all 0) cape (cape 0, all 0)'
    const sorted = (beats: string[]) =>
      beats.map((beat) =>
        beat
          .split(/ (?=\w+ \()/)
          .sort()
          .join(' '),
      )
    t.same(sorted(await toldIn(3000)), [all, all, all], 'once a second')
    t.same(outages, [error])

    store.calls.carryOut = () => true
    t.same(sorted(await toldIn(1000)), [all])
    t.same(await toldIn(1000), [])
    t.same(outages, [error, 4000])
  },
)

scenario(
  'a store that fails is asked once a second though there is nothing to tell',
  {},
  async (t, { store, toldIn }) => {
    store.calls.carryOut = () => {
      throw new Error('connection lost')
    }
    await toldIn(3334)
    t.same(await toldIn(3000), ['', '', ''])
  },
)

scenario('a store that fails is told all again if the first beat has failed', {}, async (t, { replica }) => {
  const { pool, clock } = replica
  const store = new HeldHeartbeats()
  store.calls.holding = true
  const heartbeat = new Heartbeat({ pool, store, clock, replica: 'web-2' })
  await clock.advance(GATHER_MS)
  await replica.served('acme')
  store.calls.next().fail(new Error('connection lost'))
  await clock.advance(1000)
  store.calls.next().answer()
  await clock.advance(1000)
  t.same(store.told(), ['whole:', 'whole: acme (acme 0, all 0)'])
  await heartbeat.close()
})

scenario('a store that hangs is not asked again meanwhile', {}, async (t, { replica, store, toldIn }) => {
  store.calls.holding = true
  await replica.served('acme')
  t.same(await toldIn(GATHER_MS), ['acme (acme 0, all 0)'])
  replica.manager.restart('acme')
  await replica.served('acme')
  t.same(await toldIn(20_000), [])
  store.calls.letGo()
  await settle()
  t.same(await toldIn(GATHER_MS), ['acme (acme 1, all 0)'])
})

t.test('a store that fails costs bounded memory, however much happens meanwhile', async (t) => {
  const { clock } = new Replica()
  const pool = new TestPool()
  const store = new HeldHeartbeats()
  const heartbeat = new Heartbeat({ pool, store, clock, replica: 'web-1' })
  await clock.advance(GATHER_MS)
  for (let id = 0; id <= 10_000; id += 1) pool.emit('replaced', { id: `${id}`, token: 'token' })
  for (let id = 0; id <= 10_000; id += 1) pool.emit('replaced', { id: `${id}`, token: 'token' })
  await clock.advance(1000)
  t.same(store.told(), ['whole:', 'whole:'], 'all is told instead')
  await heartbeat.close()
})
scenario('a listener that throws breaks nothing', {}, async (t, { store, heartbeat, toldIn }) => {
  const uncaught: unknown[] = []
  const listen = (error: unknown) => uncaught.push(error)
  process.on('uncaughtException', listen)
  t.teardown(() => process.off('uncaughtException', listen))
  const thrown = new Error('thrown by a listener')
  heartbeat.once('failed', () => {
    throw thrown
  })
  store.calls.carryOut = () => {
    throw new Error('connection lost')
  }
  await toldIn(3334)
  t.same(uncaught, [thrown])
  t.same(await toldIn(2000), ['', ''])
})

scenario(
  'closing says goodbye, and tells nothing any more',
  {},
  async (t, { replica, store, heartbeat, toldIn }) => {
    const { pool } = replica
    const events = ['built', 'replaced', 'evicted', 'buildFailed', 'notFound'] as const
    const listeners = () => events.map((name) => pool.listenerCount(name))
    t.same(listeners(), [2, 2, 2, 2, 2], 'the test listens, too')
    const closed = heartbeat.close()
    t.equal(heartbeat.close(), closed)
    await closed
    t.same(store.left, ['web-1'])
    t.same(listeners(), [1, 1, 1, 1, 1])
    t.equal(replica.clock.timers, 1, 'but for the sweep')
    await replica.served('acme')
    t.same(await toldIn(20_000), [])
  },
)

scenario('closing before the first beat, and there is none', {}, async (t, { replica }) => {
  const { pool, clock } = replica
  const store = new HeldHeartbeats()
  await new Heartbeat({ pool, store, clock, replica: 'web-2' }).close()
  await clock.advance(20_000)
  t.same([store.beats, store.left], [[], ['web-2']])
})

scenario('closing waits for the beat that is under way, lest it come last', {}, async (t, scene) => {
  const { replica, store, heartbeat } = scene
  store.calls.holding = true
  await replica.clock.advance(3334)
  const closed = heartbeat.close()
  await settle()
  t.same(store.left, [])
  store.calls.next().answer()
  await closed
  t.same(store.left, ['web-1'])
  await replica.clock.advance(20_000)
  t.equal(store.beats.length, 1)
})

scenario('closing takes a second at most', {}, async (t, { replica, store, heartbeat }) => {
  store.calls.holding = true
  await replica.clock.advance(3334)
  let isClosed = false
  void heartbeat.close().then(() => {
    isClosed = true
  })
  await replica.clock.advance(999)
  t.notOk(isClosed)
  await replica.clock.advance(1)
  t.ok(isClosed)
  store.calls.next().fail(new Error('connection lost'))
})

scenario('closing does not reject when nobody hears it', {}, async (t, { store, heartbeat }) => {
  store.leave = () => Promise.reject(new Error('connection lost'))
  await t.resolves(heartbeat.close())
})

scenario('a beat belongs to no request that caused it', {}, async (t, { replica, store, toldIn }) => {
  const requests = new AsyncLocalStorage<string>()
  const beats: unknown[] = []
  const beat = store.beat.bind(store)
  store.beat = (told) => {
    beats.push(requests.getStore())
    return beat(told)
  }
  await requests.run('a request', async () => {
    await replica.served('acme')
    await toldIn(5000)
  })
  t.same(beats, [undefined, undefined], 'what it caused, and what came after that')
})

t.test('no timer keeps the process alive', async (t) => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const pool = new TenantPool({ tokens: new MemoryTokenStore(), load: (id) => id })
  const before = timers()
  const heartbeat = new Heartbeat({ pool, store: new HeldHeartbeats(), replica: 'web-1', clock: systemClock })
  t.equal(timers(), before)
  await heartbeat.close()
  t.equal(timers(), before)
  await pool.close()
})

t.test('invalid options are refused by name', async (t) => {
  const valid = { pool: new TestPool(), store: new HeldHeartbeats(), replica: 'web-1' }
  const refused: [object, string][] = [
    [{ pool: undefined }, '`pool` to be a tenant pool, got undefined'],
    [{ pool: {} }, '`pool` to be a tenant pool, got an object'],
    [{ store: 'redis://localhost' }, '`store` to be a heartbeat store, got "redis://localhost"'],
    [{ store: null }, '`store` to be a heartbeat store, got null'],
    [{ replica: '' }, '`replica` to be a name of 1 to 128 printable characters, got ""'],
    [{ replica: 7 }, '`replica` to be a name of 1 to 128 printable characters, got 7'],
    [{ replica: 'a\nb' }, '`replica` to be a name of 1 to 128 printable characters, got "a\\nb"'],
    [{ replica: '\ud800' }, '`replica` to be a name of 1 to 128 printable characters, got "\\ud800"'],
    [
      { replica: 'x'.repeat(129) },
      `\`replica\` to be a name of 1 to 128 printable characters, got "${'x'.repeat(64)}…"`,
    ],
    [{ everyMs: 0 }, '`everyMs` to be an integer from 1 to 3333, got 0'],
    [{ everyMs: 5000 }, '`everyMs` to be an integer from 1 to 3333, got 5000'],
  ]
  for (const [option, message] of refused) {
    t.throws(() => new Heartbeat({ ...valid, ...option }), {
      code: 'TENANTRY_ERR_OPTIONS_INVALID',
      message: `Expected ${message}`,
    })
  }
})

/** A pool that holds nothing, and tells what it is told to tell. */
class TestPool extends EventEmitter<TenantPoolEvents> {
  held() {
    return new Map()
  }

  heldOf() {
    return undefined
  }

  fail(id: string, token: string | null): void {
    this.emit('buildFailed', { id, token, all: 'all', error: new Error('no database'), retryAfterMs: 500 })
  }
}
