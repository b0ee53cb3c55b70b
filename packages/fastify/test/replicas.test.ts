import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { TenantLifecycle } from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'
import { eventually, startRedis } from '@tenantry/testing'
import t from 'tap'
import { Configuration, type Replica, type Reply, type Seen, startReplica } from './support/replicas.ts'
import { Wire } from './support/wire.ts'

t.setTimeout(240_000)

const ids = ['acme.test', 'books.test', 'cars.test', 'dogs.test', 'eggs.test']
const acme = 'acme.test'
const redis = await startRedis()
t.teardown(() => redis.stop())
const configuration = await Configuration.create(t, ids)
const replicas = await Promise.all([1, 2, 3].map(() => startReplica(t, redis.url, configuration)))
const tokens = new RedisTokenStore(redis.url)
t.teardown(() => tokens.close())
const lifecycle = new TenantLifecycle(tokens)

/** For each tenant, the version that every later request must see, or a newer one. */
const restarted = new Map(ids.map((id) => [id, 0]))

async function restart(...these: string[]): Promise<void> {
  const version = await configuration.commit(...these)
  if (these.length === ids.length) await lifecycle.restartAll()
  else await lifecycle.restartMany(these)
  for (const id of these) restarted.set(id, version)
}

/** What every replica serves for every tenant. */
function seeAll(of: readonly Replica[] = replicas): Promise<Seen[]> {
  return Promise.all(of.flatMap((replica) => ids.map((id) => replica.see(id))))
}

interface Load {
  readonly replies: Reply[]
  readonly failed: Reply[]
  /** Answers for another tenant, or of an older version than had been restarted before they were asked for. */
  readonly wrong: string[]
}

/** While `work` is under way, and until 3000 requests have been made, clients ask every replica for every tenant. */
async function underLoad(work: () => Promise<void>): Promise<Load> {
  const load: Load = { replies: [], failed: [], wrong: [] }
  let working = true
  let asked = 0

  async function runClient(): Promise<void> {
    while (working || asked < 3000) {
      const id = ids[asked % ids.length] as string
      const replica = replicas[asked % replicas.length] as Replica
      asked += 1
      const floor = restarted.get(id) as number
      const reply = await replica.get(id)
      load.replies.push(reply)
      if (reply.statusCode !== 200) {
        load.failed.push(reply)
        continue
      }
      const seen: Seen = JSON.parse(reply.body)
      if (seen.id !== id || seen.version < floor) load.wrong.push(`${id} from ${floor} on: ${reply.body}`)
    }
  }

  const clients = Array.from({ length: 24 }, runClient)
  await work()
  working = false
  await Promise.all(clients)
  return load
}

t.test('G1: whoever asks after a restart sees it, at every replica', async (t) => {
  const { replies, failed, wrong } = await underLoad(async () => {
    for (let count = 1; count <= 40; count += 1) {
      await restart(...(count % 10 === 0 ? ids : [ids[count % ids.length] as string]))
      await sleep(100)
    }
  })
  t.comment(`${replies.length} requests`)
  t.ok(replies.length >= 3000)
  t.strictSame(wrong, [], 'none is stale, none is of another tenant')
  t.strictSame(failed, [])
})

t.test('G1: a restart that comes while the tenant is being loaded', async (t) => {
  for (const replica of replicas) {
    await restart(acme)
    const early = replica.see(acme)
    await eventually(async () => (await replica.inside()).loads === 1, { intervalMs: 1 })
    // What is loaded takes its time to arrive: it is old by then.
    await restart(acme)
    await early
    t.equal((await replica.see(acme)).version, restarted.get(acme))
  }
})

t.test('G1: a token that is set by hand is a restart', async (t) => {
  for (const [key, these] of [
    [`tenantry:tenant:${acme}`, [acme]],
    ['tenantry:all', ids],
  ] as const) {
    const version = await configuration.commit(...these)
    const token = randomUUID()
    await redis.cli('SET', key, token)
    for (const seen of await seeAll()) {
      t.equal(seen.version === version, these.includes(seen.id as typeof acme), `${seen.id} by ${key}`)
    }
    if (these.length === 1) t.equal((await replicas[0]?.see(acme))?.token, token)
  }
})

t.test('a replica that joins changes nothing, and holds the same tokens', async (t) => {
  const wall = async () => {
    const keys = (await redis.cli('KEYS', '*')).split('\n').sort()
    return [keys, await redis.cli('MGET', ...keys)]
  }
  const [before, written] = [await seeAll(), await wall()]
  const joining = await startReplica(t, redis.url, configuration)
  const joined = await seeAll([joining])
  t.strictSame(await seeAll(), before, 'nothing was rebuilt')
  t.strictSame(await wall(), written, 'nothing was written')
  t.strictSame(
    joined.map(({ token }) => token),
    before.slice(0, ids.length).map(({ token }) => token),
  )
})

t.test('at 64 connections, 100 requests take at most 10 commands of Redis', async (t) => {
  const { port } = replicas[0] as Replica
  const wires = await Promise.all(Array.from({ length: 64 }, () => Wire.open(port)))

  /** Every connection sends its next request when it has its answer. */
  async function get(requests: number): Promise<void> {
    let asked = 0
    await Promise.all(
      wires.map(async (wire) => {
        while (asked < requests) {
          wire.received = ''
          wire.get('/', `Host: ${ids[asked++ % ids.length]}`)
          await wire.until('}')
          if (!wire.received.startsWith('HTTP/1.1 200')) t.fail(wire.received)
        }
      }),
    )
  }

  async function commands(): Promise<number> {
    const stats = await redis.cli('INFO', 'commandstats')
    // INFO and QUIT are how this test asks.
    const calls = stats.matchAll(/cmdstat_(?!info|quit)[^:]+:calls=(\d+)/g)
    return Array.from(calls, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0)
  }

  await get(640)
  const before = await commands()
  await get(6400)
  const perHundred = ((await commands()) - before) / 64
  t.comment(`${perHundred} commands per 100 requests`)
  for (const wire of wires) wire.vanish()
  t.ok(perHundred <= 10)
  t.ok(perHundred > 0)
})

t.test('G8: ten thousand hosts that nobody knows', async (t) => {
  const [replica] = replicas as [Replica]
  const keys = (await redis.cli('KEYS', '*')).split('\n')
  let asked = 0
  const others: Reply[] = []

  async function ask(hosts: number): Promise<void> {
    const runClient = async () => {
      while (asked < hosts) {
        asked += 1
        const reply = await replica.get(`unknown-${asked}.test`)
        if (reply.statusCode !== 404) others.push(reply)
      }
    }
    await Promise.all(Array.from({ length: 32 }, runClient))
  }

  await ask(2000)
  const before = await replica.heapUsed()
  await ask(10_000)
  const grown = (await replica.heapUsed()) - before
  const inside = await replica.inside()
  t.comment(`${Math.round(grown / 1024)} KiB after 8000 more`)
  t.strictSame(others, [], 'each gets 404')
  t.ok(grown < 1024 * 1024, 'memory is bounded')
  t.ok(inside.mostLoads <= 8 + 8, 'loads are bounded')
  t.equal(inside.tenants, ids.length)
  const after = (await redis.cli('KEYS', '*')).split('\n')
  t.strictSame(new Set(after), new Set([...keys, 'tenantry:all-hosts']), 'no key but this')
})

t.test('G6: Redis is silent for 5 s under load', async (t) => {
  const gone = 'token store unreachable: tenants in memory are served unchecked'
  const back = 'token store reachable again'
  await seeAll()
  const { failed, replies } = await underLoad(async () => {
    redis.pause()
    await sleep(5000)
    const stranger = await replicas[0]?.get('unknown.test')
    t.match(stranger, { statusCode: 503, body: /TENANTRY_ERR_STORE_UNREACHABLE/ }, 'not in memory: not 404')
    redis.resume()
    await eventually(() => replicas.every((replica) => replica.logged(back) === 1), { timeoutMs: 20_000 })
    await restart(acme, 'books.test')
    const seen = await seeAll()
    t.ok(
      seen.every(({ id, version }) => version >= (restarted.get(id) as number)),
      'G1: a restart right after it is back',
    )
  })
  const slowest = Math.max(...replies.map(({ ms }) => ms))
  t.comment(`${replies.length} requests, the slowest took ${Math.round(slowest)} ms`)
  t.strictSame(failed, [], 'tenants in memory are served all the time')
  t.ok(slowest <= 250 + 500, 'nobody waits for longer than checkTimeoutMs')
  for (const replica of replicas) {
    t.equal(replica.logged(gone), 1)
    t.equal(replica.logged(back), 1)
  }
})

t.test('G5: Redis is killed and comes back empty', async (t) => {
  const before = await seeAll()
  await redis.kill()
  await eventually(async () => {
    const inside = await Promise.all(
      replicas.map((replica) => replica.see(acme).then(() => replica.inside())),
    )
    return inside.every(({ store }) => store === 'unreachable')
  })
  const version = await configuration.commit(...ids)
  await redis.restart()
  await eventually(async () => {
    const inside = await Promise.all(replicas.map((replica) => replica.inside()))
    return inside.every(({ store }) => store === 'reachable')
  })
  const after = await seeAll()
  for (const [index, seen] of after.entries()) {
    t.equal(seen.version, version, `${seen.id} was rebuilt`)
    t.not(seen.token, before[index]?.token)
    t.equal(seen.token, after[index % ids.length]?.token, 'all replicas agree')
  }
  t.equal(await redis.cli('GET', `tenantry:tenant:${acme}`), after[0]?.token)
})
