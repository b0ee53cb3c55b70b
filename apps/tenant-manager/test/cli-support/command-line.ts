import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const COMMAND_LINE = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** What tap has every process load takes longer than the command line itself. */
const WITHOUT_TAP = 'NODE_OPTIONS='

/** Runs `tenantry`, the real process, to its end. */
export function tenantry(manager: string, ...args: readonly string[]): Promise<Ended> {
  return run('env', [WITHOUT_TAP, process.execPath, COMMAND_LINE, ...args], { MANAGER_URL: manager })
}

export interface OnTerminal {
  /** What its user types … */
  type?: string
  /** … as soon as the terminal shows this: what comes before the program listens is the terminal's own to answer. */
  when?: RegExp
}

/** The same on a terminal, as `script` of util-linux makes one. */
export function tenantryOnTerminal(manager: string, line: string, keys: OnTerminal = {}): Promise<Ended> {
  const command = `${WITHOUT_TAP} '${process.execPath}' '${COMMAND_LINE}' ${line}`
  const args = ['--quiet', '--return', '--command', command, '/dev/null']
  return run('script', args, { MANAGER_URL: manager }, keys)
}

export function run(
  command: string,
  args: readonly string[],
  environment: Record<string, string>,
  { type, when = /^/ }: OnTerminal = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const env: NodeJS.ProcessEnv = { ...process.env, MANAGER_API_KEY: '', ...environment }
    const child = execFile(command, args, { env, timeout: 30_000 }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : (error.code as unknown as number), stdout, stderr })
    })
    let shown = ''
    child.stdout?.on('data', function typeWhenShown(chunk) {
      shown += chunk
      if (type === undefined || !when.test(shown)) return
      child.stdout?.off('data', typeWhenShown)
      child.stdin?.write(type)
    })
    // A terminal that is hung up too early takes what was typed with it.
    child.once('exit', () => child.stdin?.end())
  })
}
