import { userInfo } from 'node:os'
import { EnvironmentError, readEnvironment, type Variable } from '@tenantry/app-support'
import { type Command, UsageError } from './command.ts'
import { EXIT, type ExitStatus } from './exit-status.ts'
import { history } from './history.ts'
import { list } from './list.ts'
import { ManagerClient, ManagerError } from './manager-client.ts'
import { complain, say } from './output.ts'
import { replicas } from './replicas.ts'
import { restart } from './restart.ts'
import { status } from './status.ts'
import { readVersion } from './version.ts'

/** The longest name that the manager takes. */
const MAX_OPERATOR = 128

type Environment = Readonly<Record<string, string | undefined>>

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({ list, restart, status, history, replicas }),
)

const HELP = `tenantry restarts tenants on every replica, and tells how far they are.

Usage: tenantry <command> [options]

${[...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`).join('\n')}
  ${'help'.padEnd(10)}what a command takes: tenantry help <command>
  ${'--version'.padEnd(10)}which one this is

Environment:
  MANAGER_URL       where the tenant manager is (default: http://127.0.0.1:4000)
  MANAGER_API_KEY   its key, if it has one

Exit status: 0 done, 1 the manager said no or cannot be reached, 2 called in a way that it does not know,
3 committed but not yet written to the store, not yet taken up by all replicas, or built by none, 4 a replica failed to
build.`

/** Runs what the arguments ask for, and tells what to end with. */
export async function runCommandLine(args: readonly string[], environment: Environment): Promise<ExitStatus> {
  const [name, ...rest] = args
  const options = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest
  if (name === 'help' || name === '--help' || name === '-h') return help(rest[0])
  if (name === '--version') return version()
  const command = COMMANDS.get(name ?? '')
  if (name === undefined || command === undefined) return complainOfCommand(name)
  if (options.includes('--help') || options.includes('-h')) return help(name)
  try {
    return await command.run(rest, createClient(environment))
  } catch (error) {
    return explain(error, name)
  }
}

function help(name: string | undefined): ExitStatus {
  if (name === undefined) {
    say(HELP)
    return EXIT.done
  }
  const command = COMMANDS.get(name)
  if (command === undefined) return complainOfCommand(name)
  say(`Usage: tenantry ${command.usage}\n\n${command.help}`)
  return EXIT.done
}

function complainOfCommand(name: string | undefined): ExitStatus {
  const what = name === undefined ? 'tenantry needs a command.' : `There is no command '${name}'.`
  complain(`${what}\nSee: tenantry help`)
  return EXIT.usage
}

function version(): ExitStatus {
  say(`tenantry ${readVersion()}`)
  return EXIT.done
}

function explain(error: unknown, name: string): ExitStatus {
  if (error instanceof UsageError) {
    complain(`${error.message}\nSee: tenantry help ${name}`)
    return EXIT.usage
  }
  if (error instanceof EnvironmentError) {
    complain(error.message)
    return EXIT.usage
  }
  if (!(error instanceof ManagerError)) throw error
  const problems = error.problems.map(({ path, message }) => `\n  ${path}: ${message}`)
  complain(`${error.message}${problems.join('')}`)
  return EXIT.refused
}

const managerUrl: Variable<URL> = {
  expected: 'a URL such as http://127.0.0.1:4000',
  fallback: new URL('http://127.0.0.1:4000'),
  parse(text) {
    const url = URL.canParse(text) ? new URL(text) : undefined
    // What stands before an @ would be sent as a key of another kind.
    return url !== undefined && /^https?:$/.test(url.protocol) && url.username + url.password === ''
      ? url
      : undefined
  },
}

function createClient(environment: Environment): ManagerClient {
  const { MANAGER_URL: url } = readEnvironment<{ MANAGER_URL: URL }>(environment, { MANAGER_URL: managerUrl })
  const apiKey = environment.MANAGER_API_KEY === '' ? undefined : environment.MANAGER_API_KEY
  // By hand, since a message must not show what was received.
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new EnvironmentError('MANAGER_API_KEY: expected printable ASCII characters without spaces')
  }
  return new ManagerClient({ url, apiKey, operator: operatorName() })
}

/** The user of this machine's system, as a header holds it: percent-encoded, and not too long. */
function operatorName(): string {
  const characters = [...userName().toWellFormed()]
  while (encodeURIComponent(characters.join('')).length > MAX_OPERATOR) characters.pop()
  return encodeURIComponent(characters.join(''))
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run under a number that no user of it has.
    return `user ${process.getuid?.() ?? 'unknown'}`
  }
}
