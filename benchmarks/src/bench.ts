/** `pnpm bench`: all subjects by turns in one run, as ratios to the first of them. The README tells the options. */
import { writeFile } from 'node:fs/promises'
import { startRedis } from '@tenantry/testing'
import { bytesOfTenant, bytesPerTenant } from './bytes-per-tenant.ts'
import { type Options, readOptions } from './options.ts'
import { CLIENT_CORE, pin } from './pin.ts'
import { bytesReport, cellReport, heading } from './report.ts'
import { type CellResult, runCell } from './run-cell.ts'

const args = process.argv.slice(2)
const options = readOptionsOrExit()
const { subjects, connections, tenants, bytesTenants, json } = options
const startedAt = Date.now()
const head = heading(['node benchmarks/dist/bench.js', ...args].join(' '), options)
console.log(head)

pin(process.pid, CLIENT_CORE)
const cells: CellResult[] = []
const all = tenants.flatMap((each) => connections.map((count) => ({ connections: count, tenants: each })))
for (const [index, cell] of all.entries()) {
  tell(`${index + 1} of ${all.length}: ${cell.connections} connections, ${cell.tenants} tenants`)
  const result = await runCell(cell, options)
  cells.push(result)
  console.log(`\n${cellReport(result)}`)
}
const bytes = bytesTenants > 1 ? await measureBytes() : undefined
if (bytes !== undefined) console.log(`\n${bytesReport(bytes.perTenant, bytes)}`)
if (json !== undefined) await writeFile(json, `${JSON.stringify({ head, options, cells, bytes }, null, 2)}\n`)
tell(`took ${Math.round((Date.now() - startedAt) / 1000)} s`)

async function measureBytes() {
  const redis = await startRedis()
  try {
    const setting = { redisUrl: redis.url, tenants: bytesTenants }
    const perTenant: Record<string, number> = {}
    for (const name of subjects) {
      tell(`bytes per tenant: ${name}`)
      perTenant[name] = await bytesPerTenant(name, setting)
    }
    return { ...setting, perTenant, ofTenant: await bytesOfTenant(subjects[0] as string, setting) }
  } finally {
    await redis.stop()
  }
}

function readOptionsOrExit(): Options {
  try {
    return readOptions(args)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`)
}
