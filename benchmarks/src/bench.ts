/** `pnpm bench`: all subjects by turns in one run, as ratios to the first of them. */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { startRedis } from '@tenantry/testing'
import { measure, pin, type Sample, startServer } from './measure.ts'
import { table } from './report.ts'
import { subjects } from './subjects.ts'

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '64' },
    tenants: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '7' },
  },
})
const load = {
  connections: positive('connections', values.connections),
  tenants: positive('tenants', values.tenants),
  seconds: positive('seconds', values.seconds),
}
const rounds = positive('rounds', values.rounds)

const redis = await startRedis()
pin(redis.pid, 1)
pin(process.pid, 1)
const servers = await Promise.all(
  Object.keys(subjects).map((name) => startServer(name, redis.url, load.tenants)),
)
const samples = new Map<string, Sample[]>(servers.map(({ name }) => [name, []]))
try {
  for (const server of servers) await measure(server, { ...load, seconds: 1 })
  for (let round = 0; round < rounds; round += 1) {
    // Each round begins with another subject, so that none always comes first.
    for (let turn = 0; turn < servers.length; turn += 1) {
      const server = servers[(round + turn) % servers.length]
      if (server !== undefined) samples.get(server.name)?.push(await measure(server, load))
    }
    process.stderr.write(`round ${round + 1} of ${rounds}\n`)
  }
} finally {
  for (const { child } of servers) child.disconnect()
  await redis.stop()
}

console.log(
  `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`,
)
console.log(
  `${load.connections} connections, ${load.tenants} tenants, ${rounds} rounds of ${load.seconds} s each\n`,
)
console.log(table(samples))
console.log(
  '\nRatios to bare Fastify, paired by round: median (least to most). Below 1 is less than bare Fastify.',
)
console.log(
  'Client and Redis share a core, the server has another. Other machines give other numbers: run it on yours.',
)

function positive(name: string, value: string): number {
  const number = Number(value)
  if (Number.isInteger(number) && number > 0) return number
  console.error(`Expected --${name} to be a whole number above 0, got "${value}"`)
  process.exit(1)
}
