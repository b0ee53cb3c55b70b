import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { pin, SERVER_CORE } from './pin.ts'
import type { Setting } from './subjects/index.ts'

/** Built, also where this file is run as it is. */
const SCRIPT = new URL('../dist/server.js', import.meta.url)

/** A subject's server, in a process of its own. It ends when this process does. */
export class StartedServer {
  readonly name: string
  readonly port: number
  readonly #child: ChildProcess

  private constructor(name: string, port: number, child: ChildProcess) {
    this.name = name
    this.port = port
    this.#child = child
  }

  /**
   * @param name the subject's, as the command line knows it
   * @throws when the process ends before it is up
   */
  static async start(name: string, { redisUrl, tenants }: Setting): Promise<StartedServer> {
    const child = fork(SCRIPT, [name, redisUrl, String(tenants)], { execArgv: ['--expose-gc'] })
    const port = await numberFrom(child, name)
    pin(child.pid, SERVER_CORE)
    return new StartedServer(name, port, child)
  }

  /**
   * Asks the process.
   *
   * - `cpuUs`: the CPU time that it has used, in microseconds
   * - `heapBytes`: what is in use of its memory after a collection
   * - `tenantBytes`: what its tenants alone take up
   */
  ask(question: 'cpuUs' | 'heapBytes' | 'tenantBytes'): Promise<number> {
    const answer = numberFrom(this.#child, this.name)
    this.#child.send(question)
    return answer
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}

async function numberFrom(child: ChildProcess, name: string): Promise<number> {
  const done = new AbortController()
  const ended = once(child, 'exit', { signal: done.signal }).then(([code]) => {
    throw new Error(`The server of ${name} ended with ${code ?? child.signalCode}`)
  })
  try {
    const [message] = await Promise.race([once(child, 'message', { signal: done.signal }), ended])
    return message as number
  } finally {
    ended.catch(() => {})
    done.abort()
  }
}
