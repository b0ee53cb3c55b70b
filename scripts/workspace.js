/**
 * What `npm start` and `npm test` share: they bring a fresh clone, on a machine that has Node and nothing else of
 * ours, to the point where the built packages can be run.
 *
 * Plain Node, without dependencies: this runs before anything is installed. No syntax in here is younger than
 * Node 14, so that an old Node gets as far as `checkNode`.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The root of the workspace; ends with a separator. */
export const root = fileURLToPath(new URL('..', import.meta.url))

const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

/** A step that failed. The message is made for people; `output` is all that a failed command printed. */
export class StepError extends Error {
  constructor(message, output = '') {
    super(message)
    this.name = 'StepError'
    this.output = output
  }
}

/**
 * Makes sure that this Node is one that `engines` in package.json allows.
 *
 * @throws {StepError} otherwise; the message says which Node is needed and which one this is
 */
export function checkNode() {
  const needed = manifest.engines.node.replace('>=', '')
  const [major, minor] = needed.split('.').map(Number)
  const [thisMajor, thisMinor] = process.versions.node.split('.').map(Number)
  if (thisMajor > major || (thisMajor === major && thisMinor >= minor)) return
  throw new StepError(`Tenantry needs Node ${needed} or later; this is Node ${process.versions.node}.`)
}

/**
 * Installs just what the lock file says, with the pnpm that package.json names. Does nothing when that is what is
 * installed.
 *
 * @throws {StepError} when it cannot
 */
export async function install() {
  if (isInstalled()) return
  say('Installing …')
  // CI: nothing is asked; pnpm would otherwise ask before it replaces a node_modules made by something else.
  await pnpm(['install', '--frozen-lockfile'], { env: { CI: 'true' } })
}

/**
 * Builds all packages and apps; what has not changed since the last time is taken from turbo's cache.
 *
 * @param {string} [app] builds only this one and what it needs
 * @throws {StepError} when it cannot
 */
export async function build(app) {
  say('Building …')
  // turbo runs each package's script through pnpm, which is on the PATH here because turbo is started through it.
  const filter = app === undefined ? [] : [`--filter=${app}...`]
  await pnpm(['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', ...filter])
}

/** Runs the pnpm that package.json names: npx fetches it where it is not there yet. */
export function pnpm(args, options) {
  return run('npx', ['--yes', manifest.packageManager, ...args], options)
}

/**
 * Runs a command to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, show?: boolean }} [options] `cwd`: the root by default;
 *   `env`: added to this process's environment; `show`: what the command prints is shown while it runs, otherwise
 *   it is collected
 * @returns {Promise<string>} what it printed; empty with `show`
 * @throws {StepError} when it cannot be started or ends with anything else than 0
 */
export function run(command, args, { cwd = root, env = {}, show = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', NO_UPDATE_NOTIFIER: '1', ...env },
      stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      // On Windows npx is a batch file, which only a shell can start.
      shell: process.platform === 'win32',
    })
    const chunks = []
    const collect = (chunk) => chunks.push(chunk)
    if (!show) {
      child.stdout.on('data', collect)
      child.stderr.on('data', collect)
    }
    const line = [command, ...args].join(' ')
    child.on('error', (error) => reject(new StepError(`\`${line}\` could not be run: ${error.message}`)))
    child.on('close', (code, signal) => {
      const output = Buffer.concat(chunks).toString()
      if (code === 0) resolve(output)
      else reject(new StepError(`\`${line}\` failed (${signal || `exit status ${code}`}).`, output))
    })
  })
}

/** Shows an error of these steps: first all that the failed command printed, then the message. */
export function report(error) {
  if (error.output) process.stderr.write(`\n${error.output.trimEnd()}\n`)
  console.error(`\n${error instanceof StepError ? error.message : error.stack || error}`)
}

/** One line for each step. */
export function say(line) {
  console.log(line)
}

/** pnpm leaves a copy of the lock file that it has installed, as the last thing that an install does. */
function isInstalled() {
  try {
    return readFileSync(`${root}node_modules/.pnpm/lock.yaml`).equals(readFileSync(`${root}pnpm-lock.yaml`))
  } catch {
    return false
  }
}
