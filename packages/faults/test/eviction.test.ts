import { tenantKey } from '@tenantry/core'
import type { LoadTenant } from '@tenantry/load-test'
import { RedisTokenStore } from '@tenantry/redis'
import { ask, eventually, startRedis } from '@tenantry/testing'
import t from 'tap'
import { causeOf } from './support/cause-of.ts'
import { assertSound, PATIENT, Scene } from './support/scene.ts'

const redis = await startRedis()
t.teardown(() => redis.stop())

/** So many that no policy spares them all; only the first few are changed all the time. */
const TENANTS = 100

/** How many tokens have to be evicted in each scene, at least. */
const EVICTED = 20

/** How much room there is beside what Redis holds already, in bytes. */
const ROOM = 1024 * 1024

const scene = await Scene.open(t, {
  tenants: TENANTS,
  // A sweep would take up what only requests are to find.
  sweepMs: 150_000,
  open: () => new RedisTokenStore(redis.url, { commandTimeoutMs: 10_000 }),
})
const { manager, tenants } = scene
const names = tenants.map(({ id }) => `tenantry:${tenantKey(id)}`)

const stat = async (section: string, name: string): Promise<number> =>
  Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await redis.cli('INFO', section))?.[1])
const missing = async (): Promise<number> => TENANTS - Number(await redis.cli('EXISTS', ...names))

const askFor = ({ hostname }: LoadTenant) =>
  ask(scene.replicas[0]?.port as number, '/whoami', { headers: { host: hostname } })

let filled = 0

/** What the application keeps in the same Redis: 100 KiB, to be evicted where tokens are. It lives longer than they. */
async function fill(): Promise<void> {
  filled += 1
  const set = `for i = 1, 100 do redis.call('SET', 'filler:' .. ARGV[1] .. ':' .. i, string.rep('x', 1024), 'EX', 2592000) end`
  await redis.cli('EVAL', set, '0', `${filled}`)
}

/** Nothing is evicted any more, and what filled it is gone. */
async function makeRoom(): Promise<void> {
  await redis.cli('CONFIG', 'SET', 'maxmemory', '0')
  await redis.cli(
    'EVAL',
    `for _, key in ipairs(redis.call('KEYS', 'filler:*')) do redis.call('DEL', key) end`,
    '0',
  )
}

async function limit(policy: string): Promise<void> {
  await redis.cli('CONFIG', 'SET', 'maxmemory-policy', policy)
  await redis.cli('CONFIG', 'SET', 'maxmemory', `${(await stat('memory', 'used_memory')) + ROOM}`)
}

for (const policy of [
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
]) {
  t.test(`G1, G5: Redis evicts tokens (${policy}): what has gone is never taken for unchanged`, async (t) => {
    const evictedBefore = await stat('stats', 'evicted_keys')
    // A restart that has resolved, and that no replica has seen yet when its token is evicted.
    await manager.change(...tenants)
    await limit(policy)
    await eventually(
      async () => {
        await fill()
        return (await missing()) >= EVICTED
      },
      { ...PATIENT, intervalMs: 1 },
    )
    const gone = await missing()
    const checked = await scene.underTraffic(
      async (traffic) => {
        const { requests } = traffic
        await eventually(async () => {
          // On and on, while replicas claim tokens.
          await fill()
          return traffic.requests > requests + 600
        }, PATIENT)
      },
      { storeForgets: true },
    )
    await makeRoom()
    t.ok(gone >= EVICTED, `${gone} of ${TENANTS} tokens were evicted`)
    t.ok((await stat('stats', 'evicted_keys')) > evictedBefore)
    t.equal(checked.losses, 0)
    t.ok(checked.measurement.tally.allowed.claimed > 0, 'replicas have claimed tokens for what was gone')
    assertSound(t, checked)
  })
}

t.test(
  'G1, G5: Redis is full, and evicts nothing (noeviction): restarts reject until there is room',
  async (t) => {
    await manager.change(...tenants)
    await scene.untilAllShow()
    const evictedBefore = await stat('stats', 'evicted_keys')
    const rejected = manager.rejections.length
    const last = tenants.at(-1) as LoadTenant
    const checked = await scene.underTraffic(
      async (traffic) => {
        await limit('noeviction')
        await eventually(
          () =>
            fill().then(
              () => false,
              ({ message }) => message.startsWith('OOM'),
            ),
          PATIENT,
        )
        const { requests } = traffic
        await eventually(
          () => manager.rejections.length >= rejected + 3 && traffic.requests > requests + 300,
          PATIENT,
        )
        // G5: a token that is gone, and that nobody can write anew, makes nothing unchanged.
        await redis.cli('DEL', names.at(-1) as string)
        t.match(await askFor(last), { status: 503, body: /TENANTRY_ERR_STORE_UNREACHABLE/ })
        await makeRoom()
        t.match(await askFor(last), { status: 200 })
      },
      { tenants: tenants.slice(0, -1) },
    )
    t.match(manager.rejections[rejected], { code: 'TENANTRY_ERR_RESTART_FAILED' })
    t.match(causeOf(manager.rejections[rejected]), /OOM/)
    t.equal(await stat('stats', 'evicted_keys'), evictedBefore)
    t.equal(checked.losses, 0, 'checks are answered all the time')
    t.equal(checked.measurement.tally.allowed.unchecked, 0, 'nothing needs an excuse')
    assertSound(t, checked)
  },
)
