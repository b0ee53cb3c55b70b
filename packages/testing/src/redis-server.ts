import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeAtEnd } from './children.ts'
import { onFreePort } from './on-free-port.ts'
import { redisCommand } from './redis-command.ts'
import { type StartedProcess, startProcess } from './started-process.ts'

export interface RedisServerOptions {
  /** Further arguments of `redis-server`, such as `['--cluster-enabled', 'yes']`. */
  args?: readonly string[]
  /** What clients must say (`requirepass`). */
  password?: string
}

/** A real `redis-server` on a free port of 127.0.0.1. It keeps nothing on disk. */
export interface RedisServer {
  readonly url: string
  readonly port: number
  /** The process's id; another one after {@link restart}. */
  readonly pid: number
  /** Sends one command and resolves to the reply as `redis-cli --raw` prints it; rejects with the server's error. */
  cli(...args: string[]): Promise<string>
  /** Stops the process where it stands (SIGSTOP): connections stay open, and new ones are still accepted. */
  pause(): void
  /** Lets it go on (SIGCONT). */
  resume(): void
  /** Ends it without a goodbye (SIGKILL). */
  kill(): Promise<void>
  /** Ends it, if need be, and starts it again on the same port: empty. */
  restart(): Promise<void>
  /** Ends it for good, paused or not, and removes its directory. */
  stop(): Promise<void>
}

/** @throws when `redis-server` is not on PATH, or does not come up; the message holds its output. */
export async function startRedis({ args = [], password }: RedisServerOptions = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'tenantry-redis-'))
  removeAtEnd(directory)

  function launch(port: number): Promise<StartedProcess> {
    const fixed = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const auth = password === undefined ? [] : ['--requirepass', password]
    return startProcess('redis-server', [...fixed, ...auth, ...args], {
      cwd: directory,
      until: /Ready to accept connections/,
    }).catch((error: Error) => {
      const hint = 'Install Redis 6.2 or later (apt-get install redis-server, brew install redis)'
      throw /not on PATH/.test(error.message)
        ? new Error(`${error.message}. ${hint}`, { cause: error })
        : error
    })
  }

  const removeDirectory = () => rm(directory, { recursive: true, force: true })
  const [port, first] = await onFreePort(launch).catch(async (error) => {
    await removeDirectory()
    throw error
  })
  let server = first
  const kill = async () => void (await server.stop('SIGKILL'))
  return {
    url: `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid
    },
    cli: (...command) => redisCommand(port, command, password),
    pause: () => void server.child.kill('SIGSTOP'),
    resume: () => void server.child.kill('SIGCONT'),
    kill,
    async restart() {
      await kill()
      server = await launch(port)
    },
    async stop() {
      await kill()
      await removeDirectory()
    },
  }
}
