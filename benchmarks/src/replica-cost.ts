/**
 * What replicas cost Redis: while nobody asks for anything, by how many tenants they hold; and what a check costs it, by
 * how many keys are read together. `docs/guides/scale.md` works with what this prints.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { Heartbeat, TenantLifecycle, TenantPool } from '@tenantry/core'
import { RedisHeartbeats, RedisTokenStore } from '@tenantry/redis'
import { startRedis } from '@tenantry/testing'
import { CLIENT_CORE, pin, SERVER_CORE } from './pin.ts'
import { redisUsage } from './redis-usage.ts'
import { machineLine, markdownTable } from './report.ts'

const REPLICAS = 10
const TENANTS = 1000
/** Three sweeps. */
const IDLE_SECONDS = 30
const READERS = 16
const READ_SECONDS = 2
/** Keys in one read: a tenant's own and `all`; then what more and more requests of one turn ask for together. */
const KEYS = [2, 9, 33, 65, 501]

const redis = await startRedis()
pin(redis.pid, SERVER_CORE)
pin(process.pid, CLIENT_CORE)
const ids = Array.from({ length: TENANTS }, (_, index) => `tenant-${index}`)
try {
  console.log(`${machineLine()}\n\`node benchmarks/dist/replica-cost.js\`\n`)
  await idle()
  await reads()
} finally {
  await redis.stop()
}

async function idle(): Promise<void> {
  const empty = await info()
  const tokens = new RedisTokenStore(redis.url)
  await new TenantLifecycle(tokens).restartMany(ids)
  await tokens.close()
  const written = await info()
  const replicas = Array.from({ length: REPLICAS }, (_, index) => startReplica(`replica-${index}`))
  await Promise.all(replicas.map(({ pool }) => Promise.all(ids.map((id) => pool.use(id, () => undefined)))))
  // The first heartbeats, and the first sweep, which extends the lifetimes of all tokens.
  await wait(15_000)
  const settled = await info()
  const before = await redisUsage(redis)
  await wait(IDLE_SECONDS * 1000)
  const after = await redisUsage(redis)
  const ended = await info()
  const eachSecond = (count: number) => count / REPLICAS / IDLE_SECONDS
  const rows = [
    ['commands per second', eachSecond(after.commands - before.commands).toFixed(2)],
    ['bytes to Redis per second', eachSecond(ended.bytesIn - settled.bytesIn).toFixed(0)],
    ['bytes from Redis per second', eachSecond(ended.bytesOut - settled.bytesOut).toFixed(0)],
    ['Redis CPU', `${(eachSecond(after.cpuUs - before.cpuUs) / 1e4).toFixed(3)} %`],
    ['connections', `${(settled.clients - written.clients) / REPLICAS}`],
    ['memory of Redis', `${((settled.memory - written.memory) / REPLICAS / 1024).toFixed(0)} KiB`],
    ['memory of Redis per tenant, once', `${((written.memory - empty.memory) / TENANTS).toFixed(0)} bytes`],
  ]
  console.log(`## A replica that holds ${TENANTS} tenants and serves nobody\n`)
  console.log(`${markdownTable([['each of 10 replicas', ''], ...rows])}\n`)
  for (const { close } of replicas) await close()
}

function startReplica(replica: string) {
  const pool = new TenantPool({
    tokens: () => new RedisTokenStore(redis.url),
    load: (id) => ({ id }),
    maxTenants: TENANTS,
  })
  const store = new RedisHeartbeats(redis.url)
  const heartbeat = new Heartbeat({ pool, store, replica })
  const close = async () => {
    await heartbeat.close()
    await store.close()
    await pool.close()
  }
  return { pool, close }
}

async function reads(): Promise<void> {
  const rows: string[][] = []
  for (const count of KEYS) {
    const keys = [...ids.slice(0, count - 1).map((id) => `tenant:${id}`), 'all']
    const stores = Array.from({ length: READERS }, () => new RedisTokenStore(redis.url))
    // A connection's first commands are not what a replica's life is made of.
    await Promise.all(stores.map((store) => store.read(keys)))
    const before = await redisUsage(redis)
    const end = performance.now() + READ_SECONDS * 1000
    const read = async (store: RedisTokenStore) => {
      while (performance.now() < end) await store.read(keys)
    }
    await Promise.all(stores.map(read))
    const after = await redisUsage(redis)
    const cpuUs = (after.cpuUs - before.cpuUs) / (after.commands - before.commands)
    rows.push([`${count}`, cpuUs.toFixed(1), (cpuUs / (count - 1)).toFixed(2), (1e6 / cpuUs).toFixed(0)])
    await Promise.all(stores.map((store) => store.close()))
  }
  console.log(`## A read (\`MGET\`), over ${READERS} connections\n`)
  const head = ['keys', 'Redis CPU µs', 'for each tenant checked', 'reads per second that fill a core']
  console.log(markdownTable([head, ...rows]))
}

async function info(): Promise<{ memory: number; clients: number; bytesIn: number; bytesOut: number }> {
  const reply = await redis.cli('INFO', 'all')
  const number = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(reply)?.[1])
  return {
    memory: number('used_memory'),
    clients: number('connected_clients'),
    bytesIn: number('total_net_input_bytes'),
    bytesOut: number('total_net_output_bytes'),
  }
}
