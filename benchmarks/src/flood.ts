/**
 * What a flood of hosts that are nobody's costs the tenants that are asked for beside it.
 *
 * Tenants are asked for at a fixed rate, at which the server has time left for both. As fast as it goes, client and
 * flood would share out the server's core between them: that measures what a 404 costs, and not who waits for whom.
 * Bare Fastify is flooded, too: what is slower beside the flood there is the cost of its requests, whoever answers them.
 */
import { writeFile } from 'node:fs/promises'
import { startRedis } from '@tenantry/testing'
import { type FloodOptions, readFloodOptions } from './flood-options.ts'
import { type FloodRound, floodHeading, floodReport } from './flood-report.ts'
import { Load } from './load.ts'
import { measure } from './measure.ts'
import { CLIENT_CORE, pin } from './pin.ts'
import { StartedFlooder } from './started-flooder.ts'
import { StartedServer } from './started-server.ts'

const SUBJECTS = ['bare', 'directory']

const args = process.argv.slice(2)
const options = readOptionsOrExit()
const head = floodHeading(['node benchmarks/dist/flood.js', ...args].join(' '), options)
console.log(head)

pin(process.pid, CLIENT_CORE)
const rounds: Record<string, FloodRound[]> = {}
for (const name of SUBJECTS) rounds[name] = await floodSubject(name)
console.log(`\n${floodReport(rounds)}`)
if (options.json !== undefined) {
  await writeFile(options.json, `${JSON.stringify({ head, options, rounds }, null, 2)}\n`)
}

async function floodSubject(name: string): Promise<FloodRound[]> {
  const { tenants, connections, rate, flood } = options
  const forMs = options.seconds * 1000
  const redis = await startRedis()
  pin(redis.pid, CLIENT_CORE)
  const stops = [() => redis.stop()]
  try {
    const server = await StartedServer.start(name, { redisUrl: redis.url, tenants })
    stops.push(() => server.stop())
    const flooder = await StartedFlooder.start(server.port, flood)
    stops.push(() => flooder.stop())
    const load = await Load.open(server.port, { connections, tenants })
    stops.push(async () => load.close())

    const run = () => measure(server, redis, () => load.atRate(rate, forMs))
    // Until all tenants are built, and then until the code has been compiled, also that for strangers.
    await load.inTurn(tenants)
    await flooder.during(run)
    const measured: FloodRound[] = []
    for (let round = 0; round < options.rounds; round += 1) {
      process.stderr.write(`${name}: round ${round + 1} of ${options.rounds}\n`)
      // Each has its turn to be the first: what a round leaves behind for the next one counts for both.
      const before = round % 2 === 0 ? await run() : undefined
      const [beside, outcome] = await flooder.during(run)
      measured.push({ without: before ?? (await run()), beside, flood: outcome })
    }
    return measured
  } catch (cause) {
    throw new Error(`${name}, ${rate} requests per second beside ${flood}`, { cause })
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
}

function readOptionsOrExit(): FloodOptions {
  try {
    return readFloodOptions(args)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}
