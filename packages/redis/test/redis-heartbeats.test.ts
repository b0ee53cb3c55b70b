import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Beat,
  HEARTBEAT_LIFETIME_MS,
  Heartbeat,
  MemoryTokenStore,
  TenantLifecycle,
  TenantPool,
  type TenantReport,
} from '@tenantry/core'
import { eventually, startRedis, startTcpProxy } from '@tenantry/testing'
import { Cluster } from 'ioredis'
import t, { type Test } from 'tap'
import { RedisHeartbeats, type RedisHeartbeatsOptions } from '../src/index.ts'
import { heartbeatsOnRedis } from './heartbeats-on-redis.ts'

const redis = await startRedis()
t.teardown(() => redis.stop())
const STARTED_AT = new Date('2026-01-02T03:04:05.678Z')

function open(t: Test, url = redis.url, options: RedisHeartbeatsOptions = {}): RedisHeartbeats {
  const store = new RedisHeartbeats(url, options)
  t.teardown(() => store.close())
  return store
}

function held(token: string): TenantReport {
  return { state: 'held', token, all: 'all', builtAt: new Date(1_700_000_000_001) }
}

function beat(replica: string, tenants: Record<string, string>, rest: Partial<Beat> = {}): Beat {
  const reports = new Map(Object.entries(tenants).map(([id, token]) => [id, held(token)]))
  return { replica, startedAt: STARTED_AT, reports, gone: [], whole: false, ...rest }
}

function wholeBeat(replica: string, tenants: Record<string, string>): Beat {
  return beat(replica, tenants, { whole: true })
}

/** By id, the tokens of the tenants that a replica holds; undefined: nothing is known of it. */
async function tokensOf(store: RedisHeartbeats, replica: string) {
  const report = (await store.read()).find((report) => report.replica === replica)
  return report && Object.fromEntries(Array.from(report.tenants, ([id, { token }]) => [id, token]))
}

/** How often commands have been carried out since the last time. */
async function callsOf(...commands: string[]): Promise<number[]> {
  const stats = await redis.cli('INFO', 'commandstats')
  await redis.cli('CONFIG', 'RESETSTAT')
  return commands.map((name) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0))
}

/** A replica's pool, of which a heartbeat tells. */
function replicaOn(t: Test, store: RedisHeartbeats, everyMs: number) {
  const tokens = new MemoryTokenStore()
  const pool = new TenantPool({ tokens, load: (id) => ({ id }) })
  const heartbeat = new Heartbeat({ pool, store, replica: 'web-1', everyMs })
  t.teardown(() => Promise.all([pool.close(), heartbeat.close()]))
  const use = (id: string) => pool.use(id, (_, { token }) => token)
  return { use, heartbeat, lifecycle: new TenantLifecycle(tokens) }
}

t.test('the contract, on a single server', async (t) => {
  heartbeatsOnRedis(redis, 'tenantry-heartbeat:', {
    test: (name, run) => t.test(name, run),
    create: () => new RedisHeartbeats(redis.url),
  })
})

t.test('where the heartbeats are', async (t) => {
  const store = open(t)
  await redis.cli('FLUSHALL')

  t.test('a hash per replica, legible, with a field per tenant', async (t) => {
    await store.beat(wholeBeat('web 1', { acme: 'token' }))
    const hash = 'tenantry-heartbeat:replica:web 1'
    t.same((await redis.cli('KEYS', '*')).split('\n').sort(), [hash, 'tenantry-heartbeat:replicas'])
    t.same(JSON.parse(await redis.cli('HGET', hash, 'acme')), {
      state: 'held',
      token: 'token',
      all: 'all',
      builtAt: '2023-11-14T22:13:20.001Z',
    })
    t.equal(await redis.cli('ZRANGE', 'tenantry-heartbeat:replicas', '0', '-1'), 'web 1')
  })

  t.test('which both end with the last beat’s lifetime', async (t) => {
    for (const key of (await redis.cli('KEYS', '*')).split('\n')) {
      const remaining = Number(await redis.cli('PTTL', key))
      t.ok(
        remaining > HEARTBEAT_LIFETIME_MS - 5000 && remaining <= HEARTBEAT_LIFETIME_MS,
        `${key}: ${remaining}`,
      )
    }
  })

  t.test('names of the dead do not pile up, though nobody reads', async (t) => {
    for (let dead = 0; dead < 5; dead += 1) {
      await redis.cli('ZADD', 'tenantry-heartbeat:replicas', `${Date.now() - 1}`, `dead-${dead}`)
    }
    await store.beat(beat('web 1', {}))
    t.equal(await redis.cli('ZRANGE', 'tenantry-heartbeat:replicas', '0', '-1'), 'web 1')
  })

  t.test('under another prefix, if one is wanted', async (t) => {
    const other = open(t, redis.url, { prefix: 'app-7/' })
    await other.beat(wholeBeat('web-2', { acme: 'token' }))
    t.equal(await redis.cli('EXISTS', 'app-7/replica:web-2', 'app-7/replicas'), '2')
    t.same(await tokensOf(store, 'web-2'), undefined)
    t.same(await tokensOf(other, 'web-2'), { acme: 'token' })
  })
})

t.test('a beat is one command, of changed fields only', async (t) => {
  const proxy = await startTcpProxy({ to: redis.port })
  t.teardown(() => proxy.close())
  const store = open(t, proxy.urlOf(redis.url))
  await store.beat(wholeBeat('web-1', { stays: 'token-that-stays', changes: 'old', goes: 'old' }))
  const before = proxy.received.length
  await callsOf()
  await store.beat(beat('web-1', { changes: 'new' }, { gone: ['goes'] }))
  const sent = proxy.received.slice(before)
  t.match(sent, /changes.*"token":"new".*goes/s)
  t.notMatch(sent, 'stays')
  t.same(await callsOf('eval', 'hset', 'hdel', 'del'), [1, 2, 1, 0])
  t.same(await tokensOf(store, 'web-1'), { stays: 'token-that-stays', changes: 'new' })
})

t.test('reading asks for what has changed since the last time', async (t) => {
  await redis.cli('FLUSHALL')
  const [store, reader] = [open(t), open(t)]
  for (const name of ['web-1', 'web-2', 'web-3'])
    await store.beat(wholeBeat(name, { acme: 'old', ball: 'old' }))
  const first = await reader.read()
  t.equal(first.length, 3)
  await callsOf()

  await store.beat(beat('web-1', {}))
  t.same(await reader.read(), first)
  t.same(await callsOf('hgetall', 'zrange'), [0, 1], 'to be alive is no news')

  await store.beat(beat('web-2', { acme: 'new' }))
  const second = await reader.read()
  t.same(await callsOf('hgetall'), [1])
  t.equal(second[0], first[0], 'what is as it was is the same object')
  t.equal(second[1]?.tenants.get('ball'), first[1]?.tenants.get('ball'))
  t.equal(second[1]?.tenants.get('acme')?.token, 'new')

  await redis.cli('DEL', 'tenantry-heartbeat:replica:web-3')
  t.same(
    (await reader.read()).map(({ replica }) => replica),
    ['web-1', 'web-2'],
  )
  await store.beat(wholeBeat('web-3', { acme: 'back' }))
  t.same(await tokensOf(reader, 'web-3'), { acme: 'back' }, 'nothing of before is taken for it')
})

t.test('20 replicas of 1,000 tenants', async (t) => {
  await redis.cli('FLUSHALL')
  const [store, reader] = [open(t), open(t)]
  const tenants = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`tenant-${index}`, 'token']))
  for (let name = 0; name < 20; name += 1) await store.beat(wholeBeat(`web-${name}`, tenants))
  const timed = async () => {
    const start = performance.now()
    const reports = await reader.read()
    t.equal(
      reports.reduce((sum, report) => sum + report.tenants.size, 0),
      20_000,
    )
    return Math.round(performance.now() - start)
  }
  const [first, idle] = [await timed(), await timed()]
  for (let name = 0; name < 20; name += 1) await store.beat(beat(`web-${name}`, { 'tenant-7': 'new' }))
  const busy = await timed()
  t.comment(`read in ${first} ms; unchanged: ${idle} ms; one tenant changed on each: ${busy} ms`)
  t.ok(idle < 100, `${idle} ms for nothing new`)
  t.ok(first < 1000 && busy < 1000)
})

t.test('20,000 tenants in one beat', async (t) => {
  const store = open(t)
  const ids = Array.from({ length: 20_000 }, (_, index) => `tenant-${index}`)
  await store.beat(wholeBeat('large', Object.fromEntries(ids.map((id) => [id, 'token']))))
  t.equal(Object.keys((await tokensOf(store, 'large')) ?? {}).length, 20_000)
  await store.beat(beat('large', { more: 'token' }, { gone: ids }))
  t.same(await tokensOf(store, 'large'), { more: 'token' })
  await store.leave('large')
})

t.test('a beat that arrives late does not undo a later one', async (t) => {
  const proxy = await startTcpProxy({ to: redis.port })
  t.teardown(() => proxy.close())
  const store = open(t, proxy.urlOf(redis.url))
  await store.beat(wholeBeat('late', { acme: 'oldest' }))
  for (const rest of [{}, { whole: true }, { gone: ['acme'] }]) {
    const before = proxy.received.length
    await store.beat(beat('late', { acme: 'older' }, rest))
    const sent = proxy.received.slice(before)
    await store.beat(beat('late', { acme: 'newest' }))
    // What Redis would find on the connection that was given up, had it been stopped.
    const socket = connect(redis.port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.write(sent)
    t.equal(String(await once(socket, 'data')), ':1\r\n')
    t.same(await tokensOf(store, 'late'), { acme: 'newest' })
  }
})

t.test('what somebody else has written is passed over', async (t) => {
  await redis.cli('FLUSHALL')
  const [store, reader] = [open(t), open(t)]
  const hash = 'tenantry-heartbeat:replica:web-1'
  await store.beat(wholeBeat('web-1', { acme: 'token' }))

  t.test('fields that tell of no tenant', async (t) => {
    const at = '2026-01-02T03:04:05.678Z'
    const foreign = [
      '',
      'null',
      '7',
      '{',
      '[]',
      '{"state":"held"}',
      `{"state":"held","token":7,"all":"all","builtAt":"${at}"}`,
      `{"state":"held","token":"token","all":null,"builtAt":"${at}"}`,
      '{"state":"held","token":"token","all":"all","builtAt":"yesterday"}',
      `{"state":"failed","token":"token","all":"all","failedAt":"${at}"}`,
      `{"state":"failed","token":{},"all":"all","failedAt":"${at}","reason":""}`,
      `{"state":"asleep","token":"token","all":"all","builtAt":"${at}"}`,
    ]
    for (const [index, field] of foreign.entries()) await redis.cli('HSET', hash, `foreign-${index}`, field)
    t.same(await tokensOf(reader, 'web-1'), { acme: 'token' })
  })

  t.test('reports that are none', async (t) => {
    await redis.cli(
      'ZADD',
      'tenantry-heartbeat:replicas',
      '9e15',
      'string',
      '9e15',
      'hash',
      '9e15',
      'meta',
      '9e15',
      'x',
    )
    await redis.cli('SET', 'tenantry-heartbeat:replica:string', 'value')
    await redis.cli('HSET', 'tenantry-heartbeat:replica:hash', 'field', 'value')
    await redis.cli('HSET', 'tenantry-heartbeat:replica:meta', '', 'never nobody 0 never')
    t.same(
      (await reader.read()).map(({ replica }) => replica),
      ['web-1'],
    )
  })

  t.test('and is replaced by a replica of that name', async (t) => {
    for (const name of ['string', 'hash', 'meta']) {
      t.equal(await store.beat(beat(name, { acme: 'token' })), false)
      t.equal(await store.beat(wholeBeat(name, { acme: 'token' })), true)
      t.same(await tokensOf(reader, name), { acme: 'token' })
    }
  })

  t.test('but a list of names that is none is told of', async (t) => {
    await redis.cli('SET', 'tenantry-heartbeat:replicas', 'value')
    await t.rejects(reader.read(), { message: /WRONGTYPE/ })
    await t.rejects(store.beat(beat('web-1', { acme: 'new' })), { message: /WRONGTYPE/ })
    await redis.cli('DEL', 'tenantry-heartbeat:replicas')
    await store.beat(beat('web-1', {}))
    t.same(await tokensOf(reader, 'web-1'), { acme: 'token' }, 'nothing of a refused beat was taken in')
  })
})

t.test('a replica', async (t) => {
  t.test('writes no more often than it may, however much happens', async (t) => {
    const everyMs = 200
    const { use, lifecycle } = replicaOn(t, open(t), everyMs)
    await callsOf()
    const start = performance.now()
    for (let restarts = 0; performance.now() - start < 5 * everyMs; restarts += 1) {
      await lifecycle.restart(`tenant-${restarts % 10}`)
      await use(`tenant-${restarts % 10}`)
    }
    const allowed = Math.floor((performance.now() - start) / everyMs) + 1
    const [beats = 0] = await callsOf('eval')
    t.ok(beats >= 2 && beats <= allowed, `${beats} beats, ${allowed} are allowed`)
  })

  t.test('tells all again when Redis was flushed', async (t) => {
    const reader = open(t)
    const { use } = replicaOn(t, open(t), 20)
    const [acme, ball] = [await use('acme'), await use('ball')]
    await eventually(async () => (await tokensOf(reader, 'web-1'))?.ball)
    await redis.cli('FLUSHALL')
    t.same(await reader.read(), [])
    const cape = await use('cape')
    await eventually(async () => (await tokensOf(reader, 'web-1'))?.cape)
    t.same(await tokensOf(reader, 'web-1'), { acme, ball, cape })
  })

  t.test(
    'does not pile beats up while Redis is stopped (SIGSTOP), and tells the rest afterwards',
    async (t) => {
      const proxy = await startTcpProxy({ to: redis.port })
      t.teardown(() => proxy.close())
      const reader = open(t)
      const commandTimeoutMs = 100
      const { use, heartbeat, lifecycle } = replicaOn(
        t,
        open(t, proxy.urlOf(redis.url), { commandTimeoutMs }),
        10,
      )
      const told: string[] = []
      heartbeat.on('failed', () => told.push('failed'))
      heartbeat.on('recovered', () => told.push('recovered'))
      await use('acme')
      await eventually(async () => (await tokensOf(reader, 'web-1'))?.acme)

      const sent = () => proxy.received.split('ZREMRANGEBYSCORE').length - 1
      const before = sent()
      redis.pause()
      t.teardown(() => redis.resume())
      const start = performance.now()
      while (performance.now() - start < 5 * commandTimeoutMs) {
        await lifecycle.restart('acme')
        await use('acme')
        await sleep(10)
      }
      const allowed = Math.ceil((performance.now() - start) / commandTimeoutMs)
      t.ok(sent() - before <= allowed, `${sent() - before} beats, ${allowed} are allowed`)
      redis.resume()
      const last = await use('acme')
      await eventually(async () => (await tokensOf(reader, 'web-1'))?.acme === last)
      await eventually(() => told.length === 2)
      t.same(told, ['failed', 'recovered'])
    },
  )

  t.test('says goodbye', async (t) => {
    const reader = open(t)
    const { use, heartbeat } = replicaOn(t, open(t), 20)
    await use('acme')
    await eventually(async () => (await tokensOf(reader, 'web-1'))?.acme)
    await heartbeat.close()
    t.same(await tokensOf(reader, 'web-1'), undefined)
  })
})

t.test('a store that is closed rejects, and may be closed again', async (t) => {
  const store = open(t)
  await store.read()
  await store.close()
  await store.close()
  await t.rejects(store.read(), { message: 'This store is closed' })
  await t.rejects(store.beat(beat('web-1', {})), { message: 'This store is closed' })
})

t.test('invalid options are refused by name', async (t) => {
  const code = 'TENANTRY_ERR_OPTIONS_INVALID'
  const cluster = new Cluster([redis.port], { lazyConnect: true })
  t.throws(() => new RedisHeartbeats('localhost'), { code, message: /got a string that is no URL$/ })
  t.throws(() => new RedisHeartbeats(redis.url, { commandTimeoutMs: 0 }), {
    code,
    message: 'Expected commandTimeoutMs to be a number from 1 to 60000, got 0',
  })
  t.throws(() => new RedisHeartbeats(redis.url, { prefix: 7 as never }), {
    code,
    message: 'Expected prefix to be a string, got 7',
  })
  t.throws(() => new RedisHeartbeats(cluster, { prefix: 'heartbeats:' }), {
    code,
    message: /such as "{tenantry-heartbeat}:", in a Cluster, got "heartbeats:"$/,
  })
})
