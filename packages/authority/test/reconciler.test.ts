import {
  ALL_HOSTS,
  MemoryTokenStore,
  newToken,
  type TokenKey,
  type TokenStore,
  tenantKey,
} from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'
import { eventually, startPostgres, startRedis } from '@tenantry/testing'
import pg from 'pg'
import t, { type Test } from 'tap'
import { Authority, openDatabase, Reconciler, RestartWriter } from '../src/index.ts'
import { RECONCILER_LOCK } from '../src/locks.ts'
import { Wall } from './support/wall.ts'

const asked = { by: 'ada' }
const [acme, bolt] = [tenantKey('acme'), tenantKey('bolt')]

const postgres = await startPostgres()
t.teardown(() => postgres.stop())
const redis = await startRedis()
t.teardown(() => redis.stop())

interface Manager {
  readonly url: string
  readonly authority: Authority
  readonly wall: Wall
  readonly writer: RestartWriter
  readonly reconciler: Reconciler
}

/** A tenant manager with an authority and a store of its own, unless it shares them with another one. */
async function startManager(t: Test, { store, url }: { store: TokenStore; url?: string }): Promise<Manager> {
  const database = await openDatabase(url ?? (await postgres.newDatabase()))
  const authority = new Authority(database)
  t.teardown(() => authority.close())
  const wall = new Wall(store)
  const tokens = wall
  return {
    url:
      url ??
      (await database.query<{ name: string }>('select current_database() as name')).rows.map(
        ({ name }) => new URL(name, postgres.url).href,
      )[0] ??
      '',
    authority,
    wall,
    writer: new RestartWriter({ authority, tokens }),
    reconciler: new Reconciler({ authority, tokens }),
  }
}

async function createTenants({ authority, writer }: Manager): Promise<void> {
  await authority.migrate()
  for (const id of ['acme', 'bolt']) {
    await writer.write(
      (await authority.createTenant({ id, name: id, hostnames: [], config: {} }, asked)).restarts,
    )
  }
}

let stores = 0
/** Tenants, and a store of their own on the Redis that all tests share. */
async function onRedis(t: Test): Promise<Manager & { prefix: string }> {
  stores += 1
  const prefix = `test-${stores}:`
  const store = new RedisTokenStore(redis.url, { prefix, commandTimeoutMs: 300 })
  t.teardown(() => store.close())
  const manager = await startManager(t, { store })
  await createTenants(manager)
  return { ...manager, prefix }
}

/** Whether the store holds a token of each key's last restart, and the history has nothing that is not written. */
async function requireSettled(
  t: Test,
  { authority, wall }: Manager,
  keys: readonly TokenKey[] = [acme, bolt, ALL_HOSTS],
): Promise<void> {
  for (const key of keys) {
    const restart = await authority.findCurrentRestart(key)
    t.match(await wall.at(key), new RegExp(`^${restart?.id}\\.`), key)
  }
  const { restarts } = await authority.listRestarts({ limit: 1000 })
  t.same(
    restarts.filter(({ writtenAt }) => writtenAt === null),
    [],
  )
  t.equal(new Set(wall.values).size, wall.values.length, 'R5: no value was sent twice')
}

t.test(
  'G5: a Redis that has been emptied holds all restarts again, whatever replicas have claimed meanwhile',
  async (t) => {
    const manager = await onRedis(t)
    await redis.cli('FLUSHALL')
    await manager.wall.claim(acme, newToken)
    t.equal(await manager.reconciler.runOnce(), 'done')
    await requireSettled(t, manager)
  },
)

t.test('what is no token, and what an old master held, is replaced', async (t) => {
  const manager = await onRedis(t)
  const { authority, wall, writer, reconciler, prefix } = manager
  const old = await wall.at(bolt)
  await writer.write((await authority.restart(['bolt'], asked)).restarts)
  await wall.put(bolt, `${old}`)
  await redis.cli('DEL', prefix + acme)
  await redis.cli('RPUSH', prefix + acme, 'no', 'token')
  await redis.cli('SET', prefix + ALL_HOSTS, 'set by hand')
  const found: unknown[] = []
  reconciler.on('rewritten', (event) => found.push(event.found))
  t.equal(await reconciler.runOnce(), 'done')
  t.match(found, [{ message: /no token/ }, old, 'set by hand'])
  await requireSettled(t, manager)
})

t.test('restarts that go on while Redis is away are written when it is back, empty', async (t) => {
  const manager = await onRedis(t)
  const { authority, writer, reconciler } = manager
  await reconciler.runOnce()
  await redis.kill()
  const looks: string[] = []
  for (const ids of [['acme'], ['bolt', 'acme'], ['acme']]) {
    t.match(await writer.write((await authority.restart(ids, asked)).restarts), { written: false })
    looks.push(await reconciler.runOnce())
  }
  t.same(
    looks,
    ['done', 'failed', 'failed'],
    'the first look finds what is still being written, and leaves it',
  )
  await redis.restart()
  await eventually(async () => (await reconciler.runOnce()) === 'done')
  await requireSettled(t, manager)
})

t.test(
  'a Redis that is silent holds nobody up, and what it takes in the end is replaced by a new value',
  async (t) => {
    const manager = await onRedis(t)
    const { authority, writer, reconciler } = manager
    redis.pause()
    t.match(await writer.write((await authority.addHostname('acme', 'x.example', asked)).restarts), {
      written: false,
    })
    t.equal(await reconciler.runOnce(), 'failed')
    redis.resume()
    await eventually(async () => (await reconciler.runOnce()) === 'done')
    await requireSettled(t, manager)
  },
)

t.test('of two reconcilers one acts; when it has gone, the other one does', async (t) => {
  const store = new MemoryTokenStore()
  const first = await startManager(t, { store })
  await createTenants(first)
  const second = await startManager(t, { store, url: first.url })
  await first.authority.restart(['acme'], asked)
  let proceed!: () => void
  const held = new Promise<void>((resolve) => {
    first.wall.before = () => {
      resolve()
      return new Promise<void>((resolve) => {
        proceed = resolve
      })
    }
  })
  const looking = first.reconciler.runOnce()
  await held
  t.equal(await second.reconciler.runOnce(), 'elsewhere')
  t.same(second.wall.values, [])

  // As the server ends the session of a process that has died.
  const client = new pg.Client(first.url)
  await client.connect()
  t.teardown(() => client.end())
  const [, lock] = RECONCILER_LOCK.split(', ')
  await client.query(
    `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = $1`,
    [lock],
  )
  await eventually(async () => (await second.reconciler.runOnce()) === 'done')
  await requireSettled(t, second)
  first.wall.before = async () => {}
  proceed()
  t.equal(await looking, 'failed')
  t.equal(await first.reconciler.runOnce(), 'done')
  await requireSettled(t, first)
})

t.test('a reconciler that writes over a newer restart ends at the newer one', async (t) => {
  const manager = await startManager(t, { store: new MemoryTokenStore() })
  await createTenants(manager)
  const { authority, wall, writer, reconciler } = manager
  const { restarts } = await authority.restart(['acme'], asked)
  let newer: readonly { id: string }[] = []
  wall.before = async (operation, keys) => {
    if (operation === 'read' || newer.length > 0 || !keys.includes(acme)) return
    newer = [{ id: 'pending' }]
    const committed = await authority.restart(['acme'], asked)
    newer = committed.restarts
    t.match(await writer.write(committed.restarts), { written: true })
    t.match(await wall.at(acme), new RegExp(`^${newer[0]?.id}\\.`))
  }
  const rewritten: string[] = []
  reconciler.on('rewritten', ({ id }) => rewritten.push(id))
  t.equal(await reconciler.runOnce(), 'done')
  t.same(rewritten, [restarts[0]?.id, newer[0]?.id], 'first over it, and then again')
  await requireSettled(t, manager)
})
