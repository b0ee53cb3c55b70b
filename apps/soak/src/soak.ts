import { setTimeout as wait } from 'node:timers/promises'
import { TenantLifecycle, type TenantPool } from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'
import { eventually, type RedisServer, startRedis } from '@tenantry/testing'
import { Clients } from './clients.ts'
import { collectGarbage, heapInUse } from './garbage.ts'
import { MAX_TENANTS, startReplica } from './replica.ts'
import { type SoakedTenant, Tenants } from './tenants.ts'
import { restartTenants, TROUBLES, type Trouble } from './trouble.ts'

export interface SoakOptions {
  /** How many rounds, each of load and trouble, then of quiet in which all is counted: at least 2. */
  readonly rounds: number
  /** How long the load of each lasts, in milliseconds. */
  readonly roundMs: number
  /** Told of each round in a line. */
  readonly onRound?: (line: string) => void
  /** How long it may take until all is quiet, in milliseconds. @default 30_000, for a busy machine */
  readonly quietTimeoutMs?: number
  /** For tests of the soak itself: makes it leak. */
  readonly sabotage?: {
    readonly disposed?: (tenant: SoakedTenant) => void
    readonly round?: (pool: TenantPool<string, SoakedTenant>) => void | Promise<void>
  }
}

const QUIET_TIMEOUT_MS = 30_000

/** What is held when nobody asks for anything. */
type Holdings = Readonly<Record<string, number>>

/**
 * How much the heap may be above its middle rounds in its last ones, in bytes: what code that warms up takes, seen in
 * runs of seconds. Runs of minutes have the same, so that less and less per request is let pass.
 */
const HEAP_BOUND = 2 * 1024 * 1024

/** Whoever waits here waits with a timer more or less; the rest is for one of a client that is about to end. */
const TIMER_SLACK = 2

/** Of so many answers, one has to be a 200, at least: else it is hardly the replica that is tried. */
const ANSWERS_PER_200 = 3

/**
 * Puts a replica under clients of every kind, restarts and an unreliable store, and counts in between what is left.
 *
 * @returns what has leaked, in sentences: none, if all is well
 * @throws when it could not be told; nothing that it started is left then, either
 */
export async function runSoak(options: SoakOptions): Promise<string[]> {
  const { rounds, quietTimeoutMs: timeoutMs = QUIET_TIMEOUT_MS } = options
  if (!Number.isInteger(rounds) || rounds < 2)
    throw new RangeError(`Expected \`rounds\` to be a whole number >= 2, got ${rounds}`)
  const problems = new Set<string>()
  const warned = (warning: Error) => problems.add(`Node warned: ${warning.name}: ${warning.message}`)
  process.on('warning', warned)
  // Where they are pipes, they count as handles from their first use on: let that be before anything is counted.
  for (const output of [process.stdout, process.stderr]) output.write('')
  const before = resources()
  try {
    const redis = await startRedis()
    try {
      await soak(redis, problems, options)
    } finally {
      await redis.stop()
    }
  } finally {
    process.off('warning', warned)
  }
  await eventually(() => excess(resources(), before) === '', { timeoutMs }).catch(() => {
    problems.add(`When all was closed, there were more than before: ${excess(resources(), before)}`)
  })
  return [...problems]
}

async function soak(redis: RedisServer, problems: Set<string>, options: SoakOptions): Promise<void> {
  const { rounds, roundMs, onRound, quietTimeoutMs: timeoutMs = QUIET_TIMEOUT_MS, sabotage } = options
  const tenants = new Tenants()
  const dispose = tenants.dispose.bind(tenants)
  tenants.dispose = (tenant) => {
    sabotage?.disposed?.(tenant)
    dispose(tenant)
  }
  const { app, port } = await startReplica(tenants, redis.url)
  const tokens = new RedisTokenStore(redis.url)
  const pool = app.tenants as TenantPool<string, SoakedTenant>
  pool.on('disposed', ({ leases }) => {
    if (leases > 0) problems.add('A tenant was held until its drain deadline')
  })
  const lifecycle = new TenantLifecycle(tokens)
  const clients = new Clients(port)
  const heap: number[] = []
  let baseline: Holdings | undefined
  let restarts = 0

  async function disturb(trouble: Trouble): Promise<void> {
    await wait(roundMs / 2)
    await TROUBLES[trouble](redis)
    await sabotage?.round?.(pool)
    await wait(roundMs / 2)
  }

  async function load(trouble: Trouble): Promise<void> {
    const end = new AbortController()
    const asking = clients.run(end.signal)
    const restarting = restartTenants(lifecycle, end.signal)
    const disturbing = disturb(trouble)
    try {
      // Who asks and who restarts goes on until the end, unless it fails.
      await Promise.race([asking, restarting, disturbing])
    } finally {
      end.abort()
      // Also when one has failed: whatever else is under way might start Redis anew when all is closed.
      await Promise.allSettled([asking, restarting, disturbing])
    }
    await asking
    restarts += await restarting
  }

  async function quiet(): Promise<void> {
    const until = (what: string, holds: () => boolean | Promise<boolean>) =>
      eventually(holds, { timeoutMs, intervalMs: 50 }).catch(() => {
        problems.add(what)
      })
    await until('The store is not reached again', () => pool.stats().store === 'reachable')
    await until('Leases are left', () => pool.stats().leases === 0)
    await until('Tenants are left to drain', () => pool.stats().draining === 0)
    await until('Builds or lookups are left', () => {
      const { buildsRunning, buildsWaiting, lookupsRunning, lookupsWaiting } = pool.stats()
      return buildsRunning + buildsWaiting + lookupsRunning + lookupsWaiting === 0
    })
    await until('Tenants were made that are neither held nor disposed of', () => {
      return tenants.created === tenants.disposed + pool.stats().tenants
    })
    await until('Disposed tenants are still referred to', async () => {
      await collectGarbage()
      return tenants.collected === tenants.disposed
    })
    const before = baseline
    if (before === undefined) {
      await until('The connections of clients stay', async () => (await connectionsOf(app.server)) === 0)
      baseline = await holdings()
    } else {
      await until('Connections or handles are left', async () => {
        return excess(await holdings(), before) === ''
      })
    }
    if (pool.stats().tenants > MAX_TENANTS) problems.add('The pool holds more tenants than it may')
  }

  async function holdings(): Promise<Holdings> {
    const clients = /connected_clients:(\d+)/.exec(await redis.cli('INFO', 'clients'))?.[1]
    return {
      ...resources(),
      'connections of clients': await connectionsOf(app.server),
      'connections to Redis': Number(clients),
    }
  }

  try {
    const troubles = Object.keys(TROUBLES) as Trouble[]
    for (let round = 1; round <= rounds; round += 1) {
      const trouble = troubles[round % troubles.length] as Trouble
      await load(trouble)
      await quiet()
      heap.push(await heapInUse())
      const requests = [...clients.answered.values()].reduce((sum, count) => sum + count, clients.vanished)
      onRound?.(
        `Round ${round} of ${rounds} (${trouble}): ${requests} requests so far, of which ${clients.vanished} vanished, ` +
          `${restarts} restarts, ${tenants.disposed} tenants disposed of and ${tenants.collected} collected, ` +
          `heap ${mebibytes(heap.at(-1) as number)}`,
      )
    }
    const odd = [...clients.answered.keys()].filter((status) => ![200, 404, 503].includes(status))
    if (odd.length > 0) problems.add(`Requests were answered with ${odd}`)
    if (clients.wrong > 0) problems.add(`${clients.wrong} answers were another tenant's`)
    const answers = [...clients.answered.values()].reduce((sum, count) => sum + count, 0)
    const good = clients.answered.get(200) ?? 0
    if (good < rounds || ANSWERS_PER_200 * good < answers)
      problems.add(`Of ${answers} answers, ${good} were 200: this proves nothing`)
    if (restarts === 0 || tenants.disposed === 0)
      problems.add('Nothing was restarted or disposed of: this proves nothing')
    const grown = growth(heap)
    if (grown > HEAP_BOUND)
      problems.add(`The heap has grown by ${mebibytes(grown)}, expected at most ${mebibytes(HEAP_BOUND)}`)
  } finally {
    await Promise.all([app.close(), tokens.close()])
  }
  if (tenants.disposed !== tenants.created)
    problems.add(
      `Of ${tenants.created} tenants, ${tenants.disposed} were disposed of when the server had closed`,
    )
  if (tenants.twice > 0) problems.add(`${tenants.twice} tenants were disposed of twice`)
}

/** What keeps the process alive, by kind. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo().filter((name) => name !== 'Immediate'))
    counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** How many more there are now, of what: empty, if there are none. */
function excess(now: Holdings, before: Holdings): string {
  return Object.entries(now)
    .map(([name, count]) => ({ name, more: count - (before[name] ?? 0) }))
    .filter(({ name, more }) => more > (name === 'Timeout' ? TIMER_SLACK : 0))
    .map(({ name, more }) => `${more} ${name}`)
    .join(', ')
}

function connectionsOf(server: { getConnections(told: (error: Error | null, count: number) => void): void }) {
  return new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)))
}

/** By how much the last third is above the middle one: the first is for code that warms up. */
function growth(heap: readonly number[]): number {
  const third = Math.ceil(heap.length / 3)
  return median(heap.slice(-third)) - median(heap.slice(-2 * third, -third))
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
