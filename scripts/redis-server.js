/** The server that the tests start, each on a free port of its own. */
import { run, StepError, say } from './workspace.js'

const OLDEST = '6.2'

const HOW_TO_INSTALL = `The tests start redis-server, ${OLDEST} or later, and it is not on the PATH. It need not be running.

  Debian, Ubuntu   sudo apt-get install redis-server
  Alpine           sudo apk add redis
  macOS            brew install redis
  elsewhere        https://redis.io/docs/latest/operate/oss_and_stack/install/`

/**
 * Sees to it that `redis-server` is on the PATH; installs it where that takes no questions: with apt-get, as root or
 * with a sudo that asks for no password.
 *
 * @returns {Promise<string>} its version
 * @throws {StepError} otherwise; the message says what to install on which system
 */
export async function provideRedisServer() {
  let log = ''
  let version = await findVersion()
  if (version === undefined) {
    log = await aptInstall('redis-server')
    version = await findVersion()
  }
  if (version === undefined) throw new StepError(HOW_TO_INSTALL, log)
  if (version.localeCompare(OLDEST, 'en', { numeric: true }) < 0) {
    throw new StepError(`The redis-server on the PATH is ${version}; the tests need ${OLDEST} or later.`)
  }
  return version
}

/** Undefined: there is none. */
async function findVersion() {
  const { ok, output } = await attempt('redis-server', ['--version'])
  return ok ? /\bv=([\d.]+)/.exec(output)?.[1] : undefined
}

/** Tells what was printed. */
async function aptInstall(name) {
  const privileged = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const [command, ...args] = [...privileged, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get']
  if (!(await attempt(command, [...args, '--version'])).ok) return ''
  say(`Installing ${name} with apt-get …`)
  // Fails where one source of many is out of reach, which need not be the one that has it.
  const update = await attempt(command, [...args, 'update'])
  const options = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120']
  const install = await attempt(command, [...args, 'install', ...options, name])
  return `${update.output}${install.output}`
}

async function attempt(command, args) {
  try {
    return { ok: true, output: await run(command, args) }
  } catch (error) {
    return { ok: false, output: error.output }
  }
}
