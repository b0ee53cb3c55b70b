import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Answer, type Question, startProcess } from '@tenantry/testing'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const BRIDGE = fileURLToPath(new URL('bridge.js', import.meta.url))

/** A project of its own name, so that its volumes are not those of somebody who looks at the demo. */
const PROJECT = 'tenantry-test'

const run = promisify(execFile)

/** What the lines of `docker compose ps --format json` hold of a container. */
interface Container {
  readonly ID: string
  readonly Service: string
  readonly State: string
  readonly ExitCode: number
}

/** Asks what is published on one of 127.0.0.1's ports, on a connection of its own. */
type Ask = (path: string, question?: Question) => Promise<Answer>

export interface ComposeLab {
  /** Runs `docker compose <args>` on the repository's file and resolves to what it prints on its standard output. */
  compose(...args: readonly string[]): Promise<string>
  /** All containers of the project, also those that have ended. */
  containers(): Promise<readonly Container[]>
  /** Runs Podman, which is what the lab has in the place of the Docker engine. */
  podman(...args: readonly string[]): Promise<string>
  /** Its published ports are in the lab's own network. */
  publishedAt(port: number): Promise<Ask>
  /** Removes the project, and ends the lab if it was this that has started it. */
  close(): Promise<void>
}

/**
 * Where compose-lab is: `COMPOSE_LAB`, or with `COMPOSE_LAB=1` beside the repository.
 *
 * @returns the path, or why there is none
 */
export function findComposeLab(): { path: string } | { missing: string } {
  const asked = process.env.COMPOSE_LAB ?? ''
  if (asked === '') return { missing: 'it takes minutes and some 2 GB: COMPOSE_LAB=1 runs it' }
  const path = asked === '1' ? join(ROOT, '../shared/compose-lab/compose-lab') : asked
  return existsSync(path) ? { path } : { missing: `there is no ${path}` }
}

/** Starts the lab, unless it runs. It prepares itself where that was not done, which takes about two minutes. */
export async function openComposeLab(path: string): Promise<ComposeLab> {
  const wasRunning = !(await lab('status')).includes('running   no')
  if (!wasRunning) await lab('start')
  const sockets = await mkdtemp(join(tmpdir(), 'tenantry-'))
  const bridges: (() => Promise<unknown>)[] = []
  await compose('down', '--volumes', '--timeout=1')
  return { compose, containers, podman, publishedAt, close }

  async function lab(...args: readonly string[]): Promise<string> {
    const options = { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 }
    const { stdout } = await run(path, args, options).catch((error) => {
      throw new Error(`compose-lab ${args.join(' ')}:\n${error.stdout}${error.stderr}`, { cause: error })
    })
    return stdout
  }

  function compose(...args: readonly string[]): Promise<string> {
    return lab('compose', '--project-name', PROJECT, ...args)
  }

  function podman(...args: readonly string[]): Promise<string> {
    return lab('podman', ...args)
  }

  async function containers(): Promise<readonly Container[]> {
    const lines = (await compose('ps', '--all', '--format=json')).split('\n').filter((line) => line !== '')
    return lines.map((line) => JSON.parse(line) as Container)
  }

  async function publishedAt(port: number): Promise<Ask> {
    const socketPath = join(sockets, `${port}`)
    const args = ['exec', process.execPath, BRIDGE, socketPath, `${port}`]
    const { stop } = await startProcess(path, args, { until: /listening/ })
    bridges.push(stop)
    return (path, question) => ask(socketPath, path, question)
  }

  async function close(): Promise<void> {
    for (const stop of bridges) await stop()
    await rm(sockets, { recursive: true })
    await compose('down', '--volumes', '--timeout=5')
    if (!wasRunning) await lab('stop')
  }
}

async function ask(socketPath: string, path: string, question: Question = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body: sent = '' } = question
  const outgoing = request({ socketPath, method, path, headers, agent: false }).end(sent)
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  const body = await text(response)
  return {
    status: response.statusCode as number,
    headers: response.headers,
    body,
    json: () => JSON.parse(body),
  }
}
