import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { adopt } from './children.ts'

export interface StartProcessOptions {
  /** Environment variables, beside those of this process; `undefined` takes one away. */
  env?: Record<string, string | undefined>
  cwd?: string
  /** As which user it runs. Needs the right to become that one. */
  uid?: number
  gid?: number
  /** The line of output that tells that the process is up. Without it: up once it is spawned. */
  until?: RegExp | ((line: string) => boolean)
  /** How long the process may take to come up, in milliseconds. @default 10000 */
  timeoutMs?: number
}

/** A process that a test has started. */
export interface StartedProcess {
  readonly child: ChildProcess
  readonly pid: number
  /** What it has written so far, line by line, to its standard output and its standard error. */
  readonly lines: readonly string[]
  /** Resolves when it has ended: to its exit code, or null if a signal ended it. */
  readonly exit: Promise<number | null>
  /**
   * Sends `signal` and waits for the end. Whoever has not heard after 10 s is killed.
   *
   * @param signal @default 'SIGTERM'
   * @returns the exit code; null if a signal ended it
   */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** How long a process may take to end when it is asked to. */
const STOP_TIMEOUT_MS = 10_000

/**
 * Starts a process and waits until it is up. It is in a process group of its own: of a Ctrl-C in the terminal only this
 * process hears, and can end what it has started in its own order.
 *
 * @throws when the command is not on PATH, or when the process ends or says nothing before it is up; the message
 * holds its output. It is not left running.
 */
export async function startProcess(
  command: string,
  args: readonly string[] = [],
  { env, until, timeoutMs = 10_000, ...runAs }: StartProcessOptions = {},
): Promise<StartedProcess> {
  const child = spawn(command, args, {
    ...runAs,
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await once(child, 'spawn').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new Error(`${command} is not on PATH`, { cause: error }) : error
  })
  adopt(child)
  const lines: string[] = []
  // 'close', not 'exit': by then all of its output has been read.
  const exit = once(child, 'close').then(([code]) => code as number | null)
  const up = new Promise<void>((resolve, reject) => {
    const fail = (what: string) =>
      reject(new Error([`${[command, ...args].join(' ')} ${what}`, ...lines].join('\n  ')))
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line)
        if (until instanceof RegExp ? until.test(line) : until?.(line)) resolve()
      })
    }
    if (until === undefined) return resolve()
    void exit.then((code) => fail(`ended with ${code ?? child.signalCode} before it was up`))
    const timer = setTimeout(() => fail(`was not up within ${timeoutMs} ms`), timeoutMs)
    void exit.then(() => clearTimeout(timer))
    timer.unref()
  })

  async function stop(signal: NodeJS.Signals = 'SIGTERM') {
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    return exit.finally(() => clearTimeout(timer))
  }

  try {
    await up
  } catch (error) {
    await stop('SIGKILL')
    throw error
  }
  return { child, pid: child.pid as number, lines, exit, stop }
}
