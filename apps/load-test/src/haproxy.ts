import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { eventually, onFreePort, removeAtEnd, startProcess } from '@tenantry/testing'
import { untilUp } from './until-up.ts'

/** What the containers run: the same time limits and the same rules of repetition are measured. */
const CONFIG_FILE = fileURLToPath(new URL('../../../docker/haproxy.cfg', import.meta.url))

/** How long it may take to see that a replica has come or gone; it looks once a second. */
const NOTICE_MS = 30_000

/** HAProxy before replicas on this machine. */
export interface Balancer {
  readonly origin: string
  /**
   * Gives requests to a replica from here on. Each name is for one replica: `replica-1` to `replica-64`.
   *
   * @throws for any other name
   */
  add(replica: { readonly name: string; readonly port: number }): Promise<void>
  /** Waits until it has noticed by itself that a replica has gone, then forgets its address. */
  remove(name: string): Promise<void>
  close(): Promise<void>
}

/**
 * Starts HAProxy with the containers' configuration, except for where it listens, and that replicas are told to it.
 * What it answers says whose answer it was, in `x-load-test-server`, also where the replica itself said nothing.
 *
 * @throws when `haproxy` is not on PATH, or does not come up; the message holds its output
 */
export async function startHaproxy(): Promise<Balancer> {
  const directory = await mkdtemp(join(tmpdir(), 'tenantry-haproxy-'))
  removeAtEnd(directory)
  const configFile = join(directory, 'haproxy.cfg')
  const controlSocket = join(directory, 'control')
  const [port, haproxy] = await onFreePort(launch).catch(async (error) => {
    await removeDirectory()
    throw error
  })
  return { origin: `http://127.0.0.1:${port}`, add, remove, close }

  async function launch(port: number) {
    const sockets = { port, healthSocket: join(directory, 'health'), controlSocket }
    await writeFile(configFile, localConfig(await readFile(CONFIG_FILE, 'utf8'), sockets))
    const started = await startProcess('haproxy', ['-db', '-f', configFile])
    await untilUp(started, async () => (await command('show info')).startsWith('Name: HAProxy'))
    return started
  }

  async function add({ name, port }: { name: string; port: number }): Promise<void> {
    // Its address first: from the moment it is ready, requests are on their way there.
    await command(`set server replicas/${name} addr 127.0.0.1 port ${port}`)
    await setState(name, 'ready')
    await untilState(name, 'up')
  }

  async function remove(name: string): Promise<void> {
    await untilState(name, 'down')
    // Its port may become that of another one.
    await setState(name, 'maint')
  }

  /** @throws when HAProxy has anything to say to it: that it has no such server */
  async function setState(name: string, state: 'ready' | 'maint'): Promise<void> {
    const reply = (await command(`set server replicas/${name} state ${state}`)).trim()
    if (reply !== '') throw new Error(`expected HAProxy to set ${name} to ${state}, got: ${reply}`)
  }

  function untilState(name: string, expected: 'up' | 'down'): Promise<unknown> {
    return eventually(async () => (await stateOf(name)) === expected, {
      timeoutMs: NOTICE_MS,
      intervalMs: 50,
    })
  }

  /** Undefined: neither, it is on its way. */
  async function stateOf(name: string): Promise<'up' | 'down' | undefined> {
    const servers = (await command('show servers state replicas')).split('\n').map((line) => line.split(' '))
    // The columns of version 1: the server's name is the fourth, its state the sixth.
    const state = servers.find((columns) => columns[3] === name)?.[5]
    return state === '2' ? 'up' : state === '0' ? 'down' : undefined
  }

  /** One connection for each: HAProxy closes it behind its answer. */
  function command(line: string): Promise<string> {
    return text(connect(controlSocket).end(`${line}\n`))
  }

  async function close(): Promise<void> {
    await haproxy.stop('SIGTERM')
    await removeDirectory()
  }

  function removeDirectory(): Promise<void> {
    return rm(directory, { recursive: true, force: true })
  }
}

interface Sockets {
  readonly port: number
  readonly healthSocket: string
  readonly controlSocket: string
}

/** @throws when the configuration does not have what is to be replaced */
function localConfig(config: string, { port, healthSocket, controlSocket }: Sockets): string {
  const changes: readonly (readonly [RegExp, string])[] = [
    // Without noreuseport, two of them that take the same port share what comes there.
    [/^global$/m, `global\n    noreuseport\n    stats socket ${controlSocket} mode 600 level admin`],
    [/^ {4}bind :8080$/m, `    bind 127.0.0.1:${port}\n    ${SERVER_HEADER}`],
    [/^ {4}bind 127\.0\.0\.1:8404$/m, `    bind unix@${healthSocket}`],
    [/^resolvers docker\n(?: {4}.*\n)+/m, ''],
    [/^ {4}default-server resolvers docker .*\n/m, ''],
    [/^( {4}server-template) replica (\d+) .*$/m, '$1 replica- $2 127.0.0.1:1 disabled'],
  ]
  return changes.reduce((changed, [pattern, replacement]) => {
    if (!pattern.test(changed)) throw new Error(`${CONFIG_FILE}: expected a line like ${pattern}`)
    return changed.replace(pattern, replacement)
  }, config)
}

const SERVER_HEADER = 'http-after-response set-header x-load-test-server %[srv_name] if { srv_id gt 0 }'
