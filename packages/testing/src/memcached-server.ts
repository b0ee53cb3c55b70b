import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { eventually } from './eventually.ts'
import { memcachedCommand } from './memcached-command.ts'
import { onFreePort } from './on-free-port.ts'
import { type StartedProcess, startProcess } from './started-process.ts'

export interface MemcachedServerOptions {
  /** Further arguments of `memcached`, such as `['-m', '1']`. */
  args?: readonly string[]
}

/** How long its threads may take to stop. */
const STOP_TIMEOUT_MS = 10_000

/** A real `memcached` on a free port of 127.0.0.1. */
export interface MemcachedServer {
  /** Where it is, as `host:port`. */
  readonly address: string
  readonly port: number
  /** The process's id; another one after {@link restart}. */
  readonly pid: number
  /**
   * Sends one command of the text protocol, such as `mg key t v` or `set key 0 0 5\r\nvalue`, and resolves to the reply
   * without its last line break; rejects with the server's error.
   */
  ask(command: string): Promise<string>
  /** Stops the process where it stands (SIGSTOP): connections stay open, and new ones are still accepted. */
  pause(): void
  /** Lets it go on (SIGCONT). */
  resume(): void
  /** Ends it without a goodbye (SIGKILL). */
  kill(): Promise<void>
  /** Ends it, if need be, and starts it again on the same port: empty. */
  restart(): Promise<void>
  /** Ends it for good, paused or not. */
  stop(): Promise<void>
}

/** @throws when `memcached` is not on PATH, or does not come up; the message holds its output. */
export async function startMemcached({ args = [] }: MemcachedServerOptions = {}): Promise<MemcachedServer> {
  async function launch(port: number): Promise<StartedProcess> {
    // Only of root it wants to know as whom to run; for others the option means nothing.
    const fixed = ['-l', '127.0.0.1', '-p', `${port}`, '-U', '0', '-u', 'nobody']
    const started = await startProcess('memcached', [...fixed, ...args]).catch((error: Error) => {
      const hint = 'Install Memcached 1.6 or later (apt-get install memcached, brew install memcached)'
      throw /not on PATH/.test(error.message)
        ? new Error(`${error.message}. ${hint}`, { cause: error })
        : error
    })
    await up(started, port).catch(async (error) => {
      await started.stop('SIGKILL')
      throw error
    })
    return started
  }

  const [port, first] = await onFreePort(launch)
  let server = first
  const kill = async () => void (await server.stop('SIGKILL'))
  return {
    address: `127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid
    },
    ask: (command) => memcachedCommand(port, command),
    pause() {
      server.child.kill('SIGSTOP')
      waitUntilStopped(server.pid)
    },
    resume: () => void server.child.kill('SIGCONT'),
    kill,
    async restart() {
      await kill()
      server = await launch(port)
    },
    stop: kill,
  }
}

/** It does not say when it listens. And whoever answers at that port may be somebody else, who was quicker. */
async function up({ pid, exit, lines }: StartedProcess, port: number): Promise<void> {
  let ended = false
  void exit.then(() => {
    ended = true
  })
  const answers = async () => (await memcachedCommand(port, 'stats')).includes(`STAT pid ${pid}\r`)
  await eventually(() => ended || answers(), { timeoutMs: 10_000 })
  if (ended) throw new Error(['memcached ended before it was up', ...lines].join('\n  '))
}

/**
 * Of several threads, some may go on, and answer, for a moment after the signal. Only Linux tells which; the event loop
 * waits for them, so that whatever is asked afterwards is asked of a server that is stopped.
 */
function waitUntilStopped(pid: number): void {
  const threads = `/proc/${pid}/task`
  const isStopped = (id: string) => {
    try {
      return /\) [TZX] [^)]*$/.test(readFileSync(`${threads}/${id}/stat`, 'utf8'))
    } catch {
      // It has ended since it was listed, and answers nothing any more.
      return true
    }
  }
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  const deadline = performance.now() + STOP_TIMEOUT_MS
  while (existsSync(threads) && !readdirSync(threads).every(isStopped)) {
    if (performance.now() > deadline) throw new Error(`memcached did not stop within ${STOP_TIMEOUT_MS} ms`)
    Atomics.wait(sleeper, 0, 0, 1)
  }
}
