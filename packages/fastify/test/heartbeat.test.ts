import { Writable } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import { ACME } from '@tenantry/adapter-suite'
import { type HeartbeatStore, MemoryHeartbeats, MemoryTokenStore, TenantLifecycle } from '@tenantry/core'
import { RedisHeartbeats, RedisTokenStore } from '@tenantry/redis'
import { eventually, startRedis } from '@tenantry/testing'
import { fastify } from 'fastify'
import t from 'tap'
import { type HeartbeatSettings, tenantry } from '../src/index.ts'
import { serve } from './support/serve.ts'

/** A store that knows what was asked of it last. */
class TestHeartbeats extends MemoryHeartbeats {
  readonly ended: string[] = []
  cutOff = false

  override async beat(...told: Parameters<MemoryHeartbeats['beat']>): Promise<boolean> {
    if (this.cutOff) throw new Error('cut off')
    return super.beat(...told)
  }

  override async leave(replica: string): Promise<void> {
    this.ended.push(`${replica} left`)
    await super.leave(replica)
  }

  async close(): Promise<void> {
    this.ended.push('closed')
  }
}

/** A token store that knows whether it was closed. */
class TestTokenStore extends MemoryTokenStore {
  closed = 0

  async close(): Promise<void> {
    this.closed += 1
  }
}

const load = (id: string) => ({ id })

/** What a store knows of one tenant: by replica, its state and its tokens. */
async function told(store: HeartbeatStore, id: string) {
  const reports = (await store.read()).map(({ replica, tenants }) => [replica, tenants.get(id)] as const)
  return Object.fromEntries(
    reports.map(([replica, report]) => [replica, report && `${report.state} ${report.token} ${report.all}`]),
  )
}

t.test('what the pool holds is told from the start, with its whole stamp', async (t) => {
  const store = new TestHeartbeats()
  const { app, tokens } = await serve(t, { plugin: { heartbeat: { replica: 'web-1', store } } })
  await eventually(async () => (await store.read()).length === 1)
  t.match(await store.read(), [{ replica: 'web-1', startedAt: Date, tenants: new Map() }])
  await app.inject({ url: '/generation', headers: { host: ACME } })
  await eventually(async () => (await told(store, ACME))['web-1'])
  const [token, all] = await tokens.read([`tenant:${ACME}`, 'all'])
  t.same(await told(store, ACME), { 'web-1': `held ${token} ${all}` })
})

t.test('closing', async (t) => {
  t.test('the replica says goodbye at once, while requests are still under way', async (t) => {
    const store = new TestHeartbeats()
    const { app } = await serve(t, { plugin: { heartbeat: { replica: 'web-1', store } } })
    const lease = await app.tenants.acquire(ACME)
    const closed = app.close()
    await eventually(() => store.ended.length > 0)
    t.equal(app.tenants.stats().leases, 1)
    lease.release()
    await closed
    t.same(store.ended, ['web-1 left'], 'a store that the application brought stays open')
  })

  t.test('a store that the plugin opened is closed after the goodbye', async (t) => {
    for (const prepare of ['ready', undefined] as const) {
      const store = new TestHeartbeats()
      const app = fastify()
      const heartbeat = { replica: 'web-1', store: () => store }
      await app.register(tenantry, { tokens: new MemoryTokenStore(), load, heartbeat })
      if (prepare !== undefined) await app[prepare]()
      await app.close()
      t.same(store.ended, ['web-1 left', 'closed'])
    }
  })

  t.test('a store that cannot be closed is reported, after all else has ended', async (t) => {
    const store = new TestHeartbeats()
    store.close = () => Promise.reject(new Error('stuck'))
    const tokens = new TestTokenStore()
    const app = fastify()
    const heartbeat = { replica: 'web-1', store: () => store }
    await app.register(tenantry, { tokens: () => tokens, load, heartbeat })
    await app.ready()
    await t.rejects(app.close(), { message: 'stuck' })
    t.equal(tokens.closed, 1)
  })
})

t.test('the log tells once that nobody is told, and once that somebody is', async (t) => {
  const lines: { level: number; msg: string }[] = []
  const stream = new Writable({
    write(line, _encoding, callback) {
      lines.push(JSON.parse(line))
      callback()
    },
  })
  const store = new TestHeartbeats()
  store.cutOff = true
  await serve(t, {
    fastify: { logger: { level: 'info', stream } },
    plugin: { heartbeat: { replica: 'web-1', store } },
  })
  const about = () => lines.filter(({ msg }) => msg.startsWith('heartbeat'))
  await eventually(() => about().length > 0)
  const failed = {
    level: 40,
    msg: 'heartbeat failed: nobody sees what this replica holds',
    err: { message: 'cut off' },
  }
  t.match(about(), [failed])
  store.cutOff = false
  await eventually(() => about().length > 1)
  t.match(about(), [failed, { level: 30, msg: 'heartbeat taken in again', afterMs: Number }])
  t.equal((await store.read()).length, 1)
})

t.test('invalid settings are refused by name, and what was opened is closed', async (t) => {
  const store = new TestHeartbeats()
  const refused: [unknown, string][] = [
    ['web-1', '`heartbeat` to be an object with `replica` and `store`, got "web-1"'],
    [null, '`heartbeat` to be an object with `replica` and `store`, got null'],
    [{ replica: 'web-1' }, '`store` to be a heartbeat store, got undefined'],
    [{ replica: 'web-1', store: () => undefined }, '`store` to be a heartbeat store, got undefined'],
    [{ store: () => store }, '`replica` to be a name of 1 to 128 printable characters, got undefined'],
    [{ replica: '', store: () => store }, '`replica` to be a name of 1 to 128 printable characters, got ""'],
  ]
  for (const [heartbeat, message] of refused) {
    const tokens = new TestTokenStore()
    const app = fastify()
    const options = { tokens: () => tokens, load, heartbeat: heartbeat as HeartbeatSettings }
    const expected = { code: 'TENANTRY_ERR_OPTIONS_INVALID', message: `Expected ${message}` }
    await t.rejects(async () => app.register(tenantry, options), expected)
    await t.rejects(async () => app.ready(), expected)
    await app.close()
    t.equal(tokens.closed, 1)
  }
  t.same(store.ended, ['closed', 'closed'])
})

t.test('on a real Redis, a restart is seen to arrive at every replica', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const tokens = new RedisTokenStore(redis.url)
  const reader = new RedisHeartbeats(redis.url)
  t.teardown(() => Promise.all([tokens.close(), reader.close()]))
  let broken = false
  const replicas = await Promise.all(
    ['web-1', 'web-2', 'web-3'].map((replica) =>
      serve(t, {
        plugin: {
          tokens: () => new RedisTokenStore(redis.url),
          load: (id) => (broken && replica === 'web-3' ? Promise.reject(new Error('no disk')) : id),
          heartbeat: { replica, store: () => new RedisHeartbeats(redis.url) },
        },
      }),
    ),
  )
  const ask = () =>
    Promise.all(replicas.map(({ app }) => app.inject({ url: '/generation', headers: { host: ACME } })))
  /** Requests come in, until it is seen: on a busy machine a check may not be answered in time. */
  const seen = (expected: Record<string, string>) =>
    eventually(
      async () => {
        await ask()
        return isDeepStrictEqual(await told(reader, ACME), expected)
      },
      { timeoutMs: 15_000, intervalMs: 50 },
    )
  const lifecycle = new TenantLifecycle(tokens)
  await ask()
  const [first, all] = await tokens.read([`tenant:${ACME}`, 'all'])
  const heldBy = (stamp: string) => ({
    'web-1': `held ${stamp}`,
    'web-2': `held ${stamp}`,
    'web-3': `held ${stamp}`,
  })
  await seen(heldBy(`${first} ${all}`))

  const token = await lifecycle.restart(ACME)
  await seen(heldBy(`${token} ${all}`))

  const ofAll = await lifecycle.restartAll()
  await seen(heldBy(`${token} ${ofAll}`))

  broken = true
  const last = await lifecycle.restart(ACME)
  await seen({ ...heldBy(`${last} ${ofAll}`), 'web-3': `failed ${last} ${ofAll}` })
  const failed = (await reader.read())[2]?.tenants.get(ACME)
  t.match(failed, { state: 'failed', reason: 'no disk' })

  await replicas[0]?.app.close()
  t.same(Object.keys(await told(reader, ACME)), ['web-2', 'web-3'])
})
