/**
 * The programs that the tests start, each on a free port of its own: found, or installed where that takes no questions.
 *
 * Plain Node, and no syntax in here is younger than Node 14, as in workspace.js.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run, StepError, say } from './workspace.js'

/** Where Debian keeps Postgres: a directory for each version, none of them on the PATH. */
const DEBIAN_POSTGRES = '/usr/lib/postgresql'

/**
 * @typedef {object} Program
 * @property {string} name as people call it
 * @property {RegExp} usedAs what the tests call that start it
 * @property {string} [oldest] the oldest version that will do
 * @property {string} aptPackage what Debian and Ubuntu call it
 * @property {string} elsewhere how to install it on other systems
 * @property {() => string | undefined} find its path; undefined: it is not there
 * @property {string} [versionOption] what it tells its version at; `--version` where it is left out
 * @property {RegExp} version where its version is in what it prints then
 */

/** @type {Program[]} */
export const PROGRAMS = [
  {
    name: 'redis-server',
    usedAs: /\bstartRedis\b/,
    oldest: '6.2',
    aptPackage: 'redis-server',
    elsewhere: `  Alpine           sudo apk add redis
  macOS            brew install redis
  elsewhere        https://redis.io/docs/latest/operate/oss_and_stack/install/`,
    find: () => findOnPath('redis-server'),
    version: /\bv=([\d.]+)/,
  },
  {
    name: 'memcached',
    usedAs: /\b(startMemcached|memcachedWall)\b/,
    oldest: '1.6',
    aptPackage: 'memcached',
    elsewhere: `  Alpine           sudo apk add memcached
  macOS            brew install memcached
  elsewhere        https://docs.memcached.org/serverguide/`,
    find: () => findOnPath('memcached'),
    version: /\bmemcached ([\d.]+)/,
  },
  {
    name: 'postgres',
    usedAs: /\bstartPostgres\b/,
    oldest: '14',
    aptPackage: 'postgresql',
    elsewhere: `  Alpine           sudo apk add postgresql
  macOS            brew install postgresql
  elsewhere        https://www.postgresql.org/download/`,
    find: () => {
      const programs = ['initdb', 'postgres', 'createdb']
      const isWhole = (directory) => programs.every((name) => existsSync(join(directory, name)))
      const directory = [...onPath(), ...debianPostgres()].find(isWhole)
      return directory && join(directory, 'postgres')
    },
    version: /\(PostgreSQL\) ([\d.]+)/,
  },
  {
    name: 'haproxy',
    usedAs: /\bopenLocalScene\b/,
    oldest: '2.4',
    aptPackage: 'haproxy',
    elsewhere: `  Alpine           sudo apk add haproxy
  macOS            brew install haproxy
  elsewhere        https://www.haproxy.org/#down`,
    find: () => findOnPath('haproxy'),
    versionOption: '-v',
    version: /\bversion ([\d.]+)/,
  },
  {
    name: 'chromium',
    usedAs: /\bstartBrowser\b/,
    aptPackage: 'chromium',
    elsewhere: `  Alpine           sudo apk add chromium
  macOS            brew install --cask chromium
  elsewhere        any Chromium or Chrome; name it in CHROMIUM_PATH`,
    find: () => process.env.CHROMIUM_PATH || findOnPath('chromium', 'chromium-browser', 'google-chrome'),
    version: /\b(\d+(?:\.\d+)+)/,
  },
]

/** Those of the programs that the tests of a package start. */
export function programsFor({ dir }) {
  const tests = join(dir, 'test')
  if (!existsSync(tests)) return []
  const files = readdirSync(tests, { recursive: true }).filter((file) => /\.[jt]sx?$/.test(file))
  const sources = files.map((file) => readFileSync(join(tests, file), 'utf8'))
  return PROGRAMS.filter(({ usedAs }) => sources.some((source) => usedAs.test(source)))
}

/**
 * Sees to it that a program is there; installs it where that takes no questions: with apt-get, as root or with a sudo
 * that asks for no password.
 *
 * @param {Program} program
 * @returns {Promise<string>} its version
 * @throws {StepError} otherwise; the message says what to install on which system
 */
export async function provide(program) {
  const { name, oldest, aptPackage, versionOption = '--version' } = program
  const log = program.find() === undefined ? await aptInstall(aptPackage) : ''
  const path = program.find()
  if (path === undefined) throw new StepError(howToInstall(program), log)
  const { ok, output } = await attempt(path, [versionOption])
  const version = ok ? program.version.exec(output)?.[1] : undefined
  if (version === undefined) throw new StepError(`${path} does not tell its version.`, output)
  if (oldest !== undefined && version.localeCompare(oldest, 'en', { numeric: true }) < 0) {
    throw new StepError(`${name} is ${version} (${path}); the tests need ${oldest} or later.`)
  }
  return version
}

function howToInstall({ name, oldest, aptPackage, elsewhere }) {
  return `The tests start ${name}${oldest ? `, ${oldest} or later` : ''}, and it is not there. It need not be running.

  Debian, Ubuntu   sudo apt-get install ${aptPackage}
${elsewhere}`
}

function onPath() {
  return (process.env.PATH || '').split(delimiter).filter((directory) => directory !== '')
}

function findOnPath(...names) {
  const paths = names.flatMap((name) => onPath().map((directory) => join(directory, name)))
  return paths.find((path) => existsSync(path))
}

/** The newest first. */
function debianPostgres() {
  if (!existsSync(DEBIAN_POSTGRES)) return []
  const versions = readdirSync(DEBIAN_POSTGRES).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  return versions.map((version) => join(DEBIAN_POSTGRES, version, 'bin'))
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
