import {
  databaseUrl,
  EnvironmentError,
  type LogLevel,
  logLevel,
  readEnvironment,
  redisUrl,
  text,
  type Variable,
} from '@tenantry/app-support'
import { TenantryError } from '@tenantry/core'
import { SAMPLE_TENANTS_FILE, TenantsFile, TenantsFileError } from '@tenantry/sample-server'
import { type Demo, startDemo } from './demo.ts'
import { instructions, pageUrl } from './instructions.ts'
import { openPage } from './open-page.ts'

interface DemoEnvironment {
  REDIS_URL: string | undefined
  DATABASE_URL: string | undefined
  TENANTS_FILE: string
  LOG_LEVEL: LogLevel
  DEMO_PORTS: readonly number[]
}

/** The replicas' ports, then the manager's. */
const demoPorts: Variable<readonly number[]> = {
  expected: 'four ports, such as 3001,3002,3003,4000 (0: any that is free)',
  fallback: [3001, 3002, 3003, 4000],
  parse: (text) => {
    const ports = text.split(',').map(Number)
    return /^\d+(,\d+){3}$/.test(text) && ports.every((port) => port <= 65_535) ? ports : undefined
  },
}

/** npm passes Ctrl-C on to a process that the terminal has told already: twice within this time is once. */
const SAME_CTRL_C_MS = 1000

async function main(): Promise<void> {
  const environment = readEnvironment<DemoEnvironment>(process.env, {
    REDIS_URL: redisUrl,
    DATABASE_URL: databaseUrl,
    TENANTS_FILE: text('a path', /./, SAMPLE_TENANTS_FILE),
    LOG_LEVEL: logLevel('warn'),
    DEMO_PORTS: demoPorts,
  })
  const { REDIS_URL, DATABASE_URL, TENANTS_FILE, LOG_LEVEL, DEMO_PORTS } = environment
  const sampleTenants = await new TenantsFile(TENANTS_FILE).all()
  const what = DATABASE_URL === undefined ? ', with a Postgres of its own: that takes some seconds' : ''
  console.log(`Starting the demo${what} …`)
  const demo = await startDemo({
    sampleTenants,
    redisUrl: REDIS_URL,
    databaseUrl: DATABASE_URL,
    replicaPorts: DEMO_PORTS.slice(0, 3),
    managerPort: DEMO_PORTS[3] as number,
    logLevel: LOG_LEVEL,
  })
  endOnSignal(demo)
  console.log(instructions(demo, environment))
  await openPage(pageUrl(demo))
}

function endOnSignal(demo: Demo): void {
  let askedAt: number | undefined
  process.on('SIGINT', end).on('SIGTERM', end)

  async function end(): Promise<void> {
    if (askedAt !== undefined) {
      if (performance.now() - askedAt > SAME_CTRL_C_MS) process.exit(130)
      return
    }
    askedAt = performance.now()
    console.log('\nClosing …')
    await demo.close()
    process.exit(0)
  }
}

/** What people can put right themselves is told in a sentence; anything else is a mistake of ours. */
function explain(error: unknown): unknown {
  if (error instanceof EnvironmentError || error instanceof TenantsFileError) return error.message
  if (error instanceof TenantryError) return explainAuthority(error)
  const { code, port } = error as NodeJS.ErrnoException & { port?: number }
  if (code !== 'EADDRINUSE') return error
  return `Port ${port} is in use. End what uses it, or choose others: DEMO_PORTS=3001,3002,3003,4000 npm start`
}

/** What the authority said, and why its database said so. */
function explainAuthority({ code, message, cause }: TenantryError): string {
  if (code !== 'TENANTRY_ERR_AUTHORITY_UNREACHABLE') return message
  const { message: why, code: errno } = cause as NodeJS.ErrnoException
  // Where a name has several addresses, and none answers, the message is empty and the code is not.
  return `DATABASE_URL: ${message}: ${why === '' ? errno : why}`
}

try {
  await main()
} catch (error) {
  console.error(explain(error))
  process.exit(1)
}
