import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { FloodOutcome } from './flooder.ts'
import { pin, THIRD_CORE } from './pin.ts'

/** Built, also where this file is run as it is. */
const SCRIPT = new URL('../dist/flooder.js', import.meta.url)

/** Enough for a server that answers slowly; how fast it goes is a matter of the rate. */
const CONNECTIONS = 64

/** Somebody who asks one server for strangers, in a process of its own. It ends when this process does. */
export class StartedFlooder {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** @param perSecond how many requests it makes once it is told to */
  static async start(port: number, perSecond: number): Promise<StartedFlooder> {
    const child = fork(SCRIPT, [port, perSecond, CONNECTIONS].map(String))
    await messageFrom(child)
    pin(child.pid, THIRD_CORE)
    return new StartedFlooder(child)
  }

  /**
   * Floods while `work` is done.
   *
   * @returns what came of the work, and of the flood
   */
  async during<Result>(work: () => Promise<Result>): Promise<[Result, FloodOutcome]> {
    this.#child.send('start')
    const result = await work()
    const outcome = messageFrom(this.#child)
    this.#child.send('stop')
    return [result, (await outcome) as FloodOutcome]
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}

/** @throws when the process ends first */
async function messageFrom(child: ChildProcess): Promise<unknown> {
  const done = new AbortController()
  const { signal } = done
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`The flooder ended with ${code ?? child.signalCode}`)
  })
  try {
    const [message] = await Promise.race([once(child, 'message', { signal }), ended])
    return message
  } finally {
    ended.catch(() => {})
    done.abort()
  }
}
