import { execFile } from 'node:child_process'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { adoptProcess, disownProcess, removeAtEnd } from './children.ts'
import { onFreePort } from './on-free-port.ts'
import { findPostgresPrograms, postgresUser } from './postgres-programs.ts'
import { processesUnder } from './processes-under.ts'
import { type StartedProcess, startProcess } from './started-process.ts'

export interface PostgresServerOptions {
  /** Further arguments of `postgres`, such as `['-c', 'max_connections=20']`. */
  args?: readonly string[]
}

/** A real Postgres on a free port of 127.0.0.1, with a superuser `postgres` who needs no password. */
export interface PostgresServer {
  /** The database `postgres`. Tests that share a server take a {@link newDatabase} each. */
  readonly url: string
  readonly port: number
  /** The postmaster's id; another one after {@link restart}. */
  readonly pid: number
  /** Makes an empty database and resolves to its URL. */
  newDatabase(): Promise<string>
  /**
   * Stops all of its processes where they stand (SIGSTOP): nothing is answered; connections stay open, and new ones
   * are still accepted.
   */
  pause(): void
  /** Lets them go on (SIGCONT). */
  resume(): void
  /** Ends all of its processes without a goodbye (SIGKILL). What was committed is there after {@link restart}. */
  kill(): Promise<void>
  /**
   * Ends it, if need be, and starts it again on the same port, with the same data.
   *
   * @param options.standby as a server that only reads (`pg_is_in_recovery()`), until the next restart without it.
   * @default false
   */
  restart(options?: { standby?: boolean }): Promise<void>
  /** Ends it for good, paused or not, and removes its data. */
  stop(): Promise<void>
}

const SETTINGS = [
  'listen_addresses=127.0.0.1',
  // Nothing here has to survive the machine; what is killed is only the server.
  'fsync=off',
  'full_page_writes=off',
  'shared_buffers=16MB',
  // `startProcess` looks for a line of it, and a terminal's language is not the tests' matter.
  'lc_messages=C',
  'logging_collector=off',
]

/** @throws when Postgres is not installed, or does not come up; the message holds its output. */
export async function startPostgres({ args = [] }: PostgresServerOptions = {}): Promise<PostgresServer> {
  const programs = findPostgresPrograms()
  const user = postgresUser()
  const directory = await mkdtemp(join(tmpdir(), 'tenantry-postgres-'))
  removeAtEnd(directory)
  const data = join(directory, 'data')
  const standbySignal = join(data, 'standby.signal')
  const runAs = { ...user, cwd: directory }

  async function run(program: string, ...args: readonly string[]): Promise<void> {
    await promisify(execFile)(join(programs, program), args, runAs)
  }

  async function initialize(): Promise<void> {
    if (user !== undefined) await chown(directory, user.uid, user.gid)
    await run('initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync')
  }

  function launch(port: number): Promise<StartedProcess> {
    const settings = [...SETTINGS, `port=${port}`, `unix_socket_directories=${directory}`]
    return startProcess(
      join(programs, 'postgres'),
      ['-D', data, ...settings.flatMap((setting) => ['-c', setting]), ...args],
      { ...runAs, until: /ready to accept (read-only )?connections/, timeoutMs: 30_000 },
    )
  }

  const removeDirectory = () => rm(directory, { recursive: true, force: true, maxRetries: 5 })
  const [port, first] = await initialize()
    .then(() => onFreePort(launch))
    .catch(async (error) => {
      await removeDirectory()
      throw error
    })
  let server = first
  let paused: readonly number[] = []
  let databases = 0
  const urlOf = (database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`

  function pause(): void {
    // The postmaster first: from then on nobody is added to those under it.
    server.child.kill('SIGSTOP')
    paused = processesUnder(server.pid)
    for (const pid of paused) {
      // While it is stopped it does not notice that its postmaster is gone.
      adoptProcess(pid)
      signal(pid, 'SIGSTOP')
    }
  }

  function endPause(name: 'SIGCONT' | 'SIGKILL' = 'SIGCONT'): void {
    for (const pid of paused) {
      signal(pid, name)
      disownProcess(pid)
    }
    paused = []
    server.child.kill(name)
  }

  async function kill(): Promise<void> {
    const isRunning = server.child.exitCode === null && server.child.signalCode === null
    if (isRunning) {
      // Stopped first, so that nobody is added meanwhile, and so that none of them says goodbye.
      pause()
      endPause('SIGKILL')
    }
    await server.exit
  }

  return {
    url: urlOf('postgres'),
    port,
    get pid() {
      return server.pid
    },
    async newDatabase() {
      databases += 1
      const name = `test_${databases}`
      await run('createdb', '-h', '127.0.0.1', '-p', `${port}`, '-U', 'postgres', name)
      return urlOf(name)
    },
    pause,
    resume: () => endPause(),
    kill,
    async restart({ standby = false } = {}) {
      await kill()
      if (standby) await writeFile(standbySignal, '')
      else await rm(standbySignal, { force: true })
      server = await launch(port)
    },
    async stop() {
      await kill()
      await removeDirectory()
    },
  }
}

/** A backend may have ended by itself meanwhile. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
