import { parseArgs } from 'node:util'
import { show } from '@tenantry/app-support'
import { runSoak } from './soak.ts'

const HELP = `Puts one replica under clients of every kind, restarts and an unreliable store; tells what leaks.

Usage: pnpm soak [--minutes n]

  --minutes n  for so long, 1 to 10,000 (1)
  --help       prints this

Exit status: 0 nothing has leaked, 1 something has, 2 it could not be told.`

/** Short ones, of which there are many: trouble comes in each, and all is counted after each. */
const ROUND_MS = 5000
const MAX_MINUTES = 10_000

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '1' }, help: { type: 'boolean' } },
  })
  if (values.help === true) {
    console.log(HELP)
    return 0
  }
  const minutes = /^\d{1,5}$/.test(values.minutes) ? Number(values.minutes) : 0
  if (minutes < 1 || minutes > MAX_MINUTES) {
    throw new TypeError(`--minutes: expected a whole number, 1 to 10,000, got ${show(values.minutes)}`)
  }
  const rounds = Math.ceil((minutes * 60_000) / ROUND_MS)
  const problems = await runSoak({ rounds, roundMs: ROUND_MS, onRound: (line) => console.log(line) })
  console.log(problems.length === 0 ? 'Nothing has leaked.' : problems.join('\n'))
  return problems.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\nSee: pnpm soak --help` : error)
  process.exitCode = 2
}
