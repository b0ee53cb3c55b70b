import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ALL, type TokenKey, tenantKey } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import type { Test } from 'tap'
import type { Adapter } from './adapter.ts'
import type { ReplicaProcess, Reply } from './replica-process.ts'
import { IDS, type Replicas, startReplicas } from './replicas.ts'
import type { StartedWall, Wall } from './walls/wall.ts'
import { Wire } from './wire.ts'

const ACME = 'acme.test'

const GONE = 'token store unreachable: tenants in memory are served unchecked'
const BACK = 'token store reachable again'

/** How long a check may hold a request up: what `checkTimeoutMs` is unless told otherwise. */
const CHECK_TIMEOUT_MS = 250

/** How many commands 100 requests may take at 64 connections. */
const MOST_COMMANDS = 10

/** The promises as replicas keep them together: real processes, a real wall, and faults. Takes half a minute. */
export function replicaSuite(t: Test, adapter: Adapter, wall: Wall): void {
  t.setTimeout(240_000)
  t.test(`replicas of ${adapter.name} on ${wall.name}`, { timeout: 240_000 }, async (t) => {
    const replicas = await startReplicas(t, adapter, wall)

    t.test('G1: whoever asks after a restart sees it, at every replica', (t) => testRestarts(t, replicas))
    t.test('G1: a restart that comes while the tenant is being loaded', (t) => testSlowLoad(t, replicas))
    t.test('G1: a token that is set by hand is a restart', (t) => testByHand(t, replicas))
    t.test('a replica that joins changes nothing, and holds the same tokens', (t) => testJoin(t, replicas))
    const { commands } = replicas.wall
    if (commands !== undefined) {
      t.test(`at 64 connections, 100 requests take at most ${MOST_COMMANDS} commands of ${wall.name}`, (t) =>
        testCommands(t, replicas, commands),
      )
    }
    t.test('G8: ten thousand hosts that nobody knows', (t) => testUnknownHosts(t, replicas))
    t.test(`G6: ${wall.name} is silent for 5 s under load`, (t) => testSilence(t, replicas))
    t.test(`G5: ${wall.name} is killed and comes back empty`, (t) => testEmptyWall(t, replicas))
  })
}

async function testRestarts(t: Test, { underLoad, restart }: Replicas): Promise<void> {
  const { replies, failed, wrong } = await underLoad(async () => {
    for (let count = 1; count <= 40; count += 1) {
      await restart(...(count % 10 === 0 ? IDS : [IDS[count % IDS.length] as string]))
      await sleep(100)
    }
  })
  t.comment(`${replies.length} requests`)
  t.ok(replies.length >= 3000)
  t.strictSame(wrong, [], 'none is stale, none is of another tenant')
  t.strictSame(failed, [])
}

async function testSlowLoad(t: Test, { all, restart, restarted }: Replicas): Promise<void> {
  for (const replica of all) {
    await restart(ACME)
    const early = replica.see(ACME)
    await eventually(async () => (await replica.inside()).loads === 1, { intervalMs: 1 })
    // What is loaded takes its time to arrive: it is old by then.
    await restart(ACME)
    await early
    t.equal((await replica.see(ACME)).version, restarted.get(ACME))
  }
}

async function testByHand(t: Test, { all, configuration, seeAll, wall }: Replicas): Promise<void> {
  const cases: [key: TokenKey, these: readonly string[]][] = [
    [tenantKey(ACME), [ACME]],
    [ALL, IDS],
  ]
  for (const [key, these] of cases) {
    const version = await configuration.commit(...these)
    const token = randomUUID()
    await wall.set(key, token)
    for (const seen of await seeAll()) {
      t.equal(seen.version === version, these.includes(seen.id), `${seen.id} by ${key}`)
    }
    if (these.length === 1) t.equal((await all[0]?.see(ACME))?.token, token)
  }
}

async function testJoin(t: Test, { join, seeAll, wall }: Replicas): Promise<void> {
  const [before, written] = [await seeAll(), await tokensOn(wall)]
  const joining = await join()
  const joined = await seeAll([joining])
  t.strictSame(await seeAll(), before, 'nothing was rebuilt')
  t.strictSame(await tokensOn(wall), written, 'nothing was written')
  t.strictSame(
    joined.map(({ token }) => token),
    before.slice(0, IDS.length).map(({ token }) => token),
  )
}

/** Every key that is there, and its token. */
async function tokensOn(wall: StartedWall): Promise<(readonly [key: string, token: string])[]> {
  const keys = await wall.keys()
  return Promise.all(keys.map(async (key) => [key, await wall.get(key)] as const))
}

async function testCommands(t: Test, { all }: Replicas, commands: () => Promise<number>): Promise<void> {
  const { port } = all[0] as ReplicaProcess
  const wires = await Promise.all(Array.from({ length: 64 }, () => Wire.open(port)))

  /** Every connection sends its next request when it has its answer. */
  async function get(requests: number): Promise<void> {
    let asked = 0
    await Promise.all(
      wires.map(async (wire) => {
        while (asked < requests) {
          wire.received = ''
          wire.get('/', `Host: ${IDS[asked++ % IDS.length]}`)
          await wire.until('}')
          if (!wire.received.startsWith('HTTP/1.1 200')) t.fail(wire.received)
        }
      }),
    )
  }

  await get(640)
  /** How many commands 100 requests took, by rounds. A busy machine tears apart what comes together: the best one counts. */
  const perHundred: number[] = []
  while (perHundred.length < 5 && !perHundred.some((count) => count <= MOST_COMMANDS)) {
    const before = await commands()
    await get(6400)
    perHundred.push(((await commands()) - before) / 64)
  }
  for (const wire of wires) wire.vanish()
  t.comment(`${perHundred.join(', ')} commands per 100 requests`)
  t.ok(Math.min(...perHundred) <= MOST_COMMANDS)
  t.ok(Math.min(...perHundred) > 0)
}

async function testUnknownHosts(t: Test, { all, wall }: Replicas): Promise<void> {
  const [replica] = all as [ReplicaProcess]
  const keys = await wall.keys()
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
  t.equal(inside.tenants, IDS.length)
  t.strictSame(new Set(await wall.keys()), new Set([...keys, 'all-hosts']), 'no key but this')
}

async function testSilence(t: Test, replicas: Replicas): Promise<void> {
  const { all, seeAll, restart, restarted, underLoad, wall } = replicas
  await seeAll()
  const { failed, replies } = await underLoad(async () => {
    wall.pause()
    await sleep(5000)
    const stranger = await all[0]?.get('unknown.test')
    t.match(stranger, { statusCode: 503, body: /TENANTRY_ERR_STORE_UNREACHABLE/ }, 'not in memory: not 404')
    wall.resume()
    await eventually(() => all.every((replica) => replica.logged(BACK) === 1), { timeoutMs: 20_000 })
    await restart(ACME, 'books.test')
    const seen = await seeAll()
    t.ok(
      seen.every(({ id, version }) => version >= (restarted.get(id) as number)),
      'G1: a restart right after it is back',
    )
  })
  const slowest = Math.max(...replies.map(({ ms }) => ms))
  t.comment(`${replies.length} requests, the slowest took ${Math.round(slowest)} ms`)
  t.strictSame(failed, [], 'tenants in memory are served all the time')
  t.ok(slowest <= CHECK_TIMEOUT_MS + 500, 'nobody waits for longer than checkTimeoutMs')
  for (const replica of all) {
    t.equal(replica.logged(GONE), 1)
    t.equal(replica.logged(BACK), 1)
  }
}

async function testEmptyWall(t: Test, { all, configuration, seeAll, wall }: Replicas): Promise<void> {
  const before = await seeAll()
  const states = async () =>
    (await Promise.all(all.map((replica) => replica.inside()))).map(({ store }) => store)
  await wall.kill()
  await eventually(
    async () => {
      for (const replica of all) await replica.see(ACME)
      return (await states()).every((store) => store === 'unreachable')
    },
    { timeoutMs: 10_000 },
  )
  const version = await configuration.commit(...IDS)
  await wall.restart()
  await eventually(async () => (await states()).every((store) => store === 'reachable'), {
    timeoutMs: 20_000,
  })
  const after = await seeAll()
  for (const [index, seen] of after.entries()) {
    t.equal(seen.version, version, `${seen.id} was rebuilt`)
    t.not(seen.token, before[index]?.token)
    t.equal(seen.token, after[index % IDS.length]?.token, 'all replicas agree')
  }
  t.equal(await wall.get(tenantKey(ACME)), after[0]?.token)
}
