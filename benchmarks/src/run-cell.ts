import { type RedisServer, startRedis } from '@tenantry/testing'
import { Load, type Outcome } from './load.ts'
import { measure, type Sample } from './measure.ts'
import { CLIENT_CORE, pin } from './pin.ts'
import { StartedServer } from './started-server.ts'

export interface Cell {
  readonly connections: number
  readonly tenants: number
}

export interface Plan {
  /** The names of the subjects. The first is what the others are ratios to. */
  readonly subjects: readonly string[]
  readonly rounds: number
  /** How long each run takes, in seconds. */
  readonly seconds: number
  /** At which share of the first subject's throughput the runs at a fixed rate are. 0: there are none. */
  readonly rate: number
}

/** One sample for each round, by the name of the subject. */
export type Samples = Readonly<Record<string, readonly Sample[]>>

export interface CellResult extends Cell {
  readonly atFullSpeed: Samples
  /** Absent where there is no fixed rate to speak of: a single connection is a closed loop whatever one does. */
  readonly atFixedRate?: { readonly perSecond: number; readonly samples: Samples }
}

/** A subject's server, and a Redis that nobody else asks, so that what it is asked can be told apart. */
interface Contender {
  readonly server: StartedServer
  readonly redis: RedisServer
}

/** Runs all subjects by turns, each in a fresh process. */
export async function runCell(cell: Cell, plan: Plan): Promise<CellResult> {
  const { rounds, seconds, rate } = plan
  const forMs = seconds * 1000
  const contenders = await startAll(plan.subjects, cell.tenants)
  const atFullSpeed = emptySamples(plan.subjects)
  const atFixedRate = emptySamples(plan.subjects)

  const run = ({ server, redis }: Contender, put: (load: Load) => Promise<Outcome>): Promise<Sample> =>
    withLoad(server, cell, (load) => measure(server, redis, () => put(load)))

  try {
    for (const { server } of contenders) {
      await withLoad(server, cell, async (load) => {
        // Until all tenants are built, and then until the code has been compiled.
        await load.inTurn(cell.tenants)
        await load.atFullSpeed(forMs)
      })
    }
    const calibration = await run(contenders[0] as Contender, (load) => load.atFullSpeed(forMs))
    const perSecond = Math.round(calibration.requestsPerSecond * rate)
    const hasFixedRate = rate > 0 && cell.connections > 1
    for (let round = 0; round < rounds; round += 1) {
      // Each round begins with another subject, so that none always comes first.
      for (let turn = 0; turn < contenders.length; turn += 1) {
        const contender = contenders[(round + turn) % contenders.length] as Contender
        const { name } = contender.server
        atFullSpeed[name]?.push(await run(contender, (load) => load.atFullSpeed(forMs)))
        if (!hasFixedRate) continue
        atFixedRate[name]?.push(await run(contender, (load) => load.atRate(perSecond, forMs)))
      }
    }
    return hasFixedRate
      ? { ...cell, atFullSpeed, atFixedRate: { perSecond, samples: atFixedRate } }
      : { ...cell, atFullSpeed }
  } finally {
    await stopAll(contenders)
  }
}

async function startAll(names: readonly string[], tenants: number): Promise<Contender[]> {
  const contenders: Contender[] = []
  try {
    for (const name of names) {
      const redis = await startRedis()
      pin(redis.pid, CLIENT_CORE)
      const server = await StartedServer.start(name, { redisUrl: redis.url, tenants }).catch(
        async (error) => {
          await redis.stop()
          throw error
        },
      )
      contenders.push({ server, redis })
    }
    return contenders
  } catch (error) {
    await stopAll(contenders)
    throw error
  }
}

async function stopAll(contenders: readonly Contender[]): Promise<void> {
  for (const { server, redis } of contenders) {
    await server.stop()
    await redis.stop()
  }
}

async function withLoad<Result>(
  { name, port }: StartedServer,
  cell: Cell,
  run: (load: Load) => Promise<Result>,
): Promise<Result> {
  const load = await Load.open(port, cell)
  try {
    return await run(load)
  } catch (cause) {
    throw new Error(`${name}, ${cell.connections} connections, ${cell.tenants} tenants`, { cause })
  } finally {
    load.close()
  }
}

function emptySamples(names: readonly string[]): Record<string, Sample[]> {
  return Object.fromEntries(names.map((name) => [name, []]))
}
