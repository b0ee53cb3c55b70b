import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { hostnameOf, TENANTS } from './tenants.ts'

/** How many ask at a time: those who wait for their answers, and those who do not. */
const POLITE = 8
const RUDE = 4

const PATHS = ['/', '/', '/slow', '/stream']

/** What clients send before they vanish: after each of these bytes the other side is at another place. */
const RUDE_REQUESTS: ((host: string) => string)[] = [
  (host) => `GET / HTTP/1.1\r\nHost: ${host}\r\nX-Half: `,
  (host) => `GET /slow HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
  (host) => `GET /stream HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
  (host) => `GET /slow HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(3),
  (host) => `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf`,
  (host) => `GET /slow HTTP/1.1\r\nHost: ${host}\r\n\r\nnonsense\r\n\r\n`,
  () => 'GET / HTTP/1.1\r\nHost: not/valid\r\n\r\n',
]

/** Everybody who asks the replica. They begin with {@link run}, and none is left when that has resolved. */
export class Clients {
  /** Requests that were answered, by status. */
  readonly answered: Map<number, number> = new Map()
  /** Requests whose client vanished. */
  vanished = 0
  /** Answers of another tenant than the one that was asked for. */
  wrong = 0
  readonly #port: number
  #count = 0

  constructor(port: number) {
    this.#port = port
  }

  /** Asks until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: POLITE })
    const every = (count: number, ask: () => Promise<void>) =>
      Array.from({ length: count }, async () => {
        while (!signal.aborted) await ask()
      })
    try {
      await Promise.all([
        ...every(POLITE, () => this.#askPolitely(agent)),
        ...every(RUDE, () => this.#vanish()),
      ])
    } finally {
      agent.destroy()
    }
  }

  async #askPolitely(agent: Agent): Promise<void> {
    this.#count += 1
    const tenant = (this.#count * 7) % TENANTS
    const isStranger = this.#count % 5 === 0
    const host = isStranger ? `nobody-${this.#count}.test` : hostnameOf(tenant)
    const path = PATHS[this.#count % PATHS.length] as string
    const outgoing = request({ host: '127.0.0.1', port: this.#port, path, agent, headers: { host } }).end()
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    const body = await text(response)
    const status = response.statusCode as number
    this.answered.set(status, (this.answered.get(status) ?? 0) + 1)
    const isRight = isStranger ? status !== 200 : status !== 200 || body.split('\n')[0] === `tenant-${tenant}`
    if (!isRight) this.wrong += 1
  }

  async #vanish(): Promise<void> {
    this.#count += 1
    const count = this.#count
    const bytes = RUDE_REQUESTS[count % RUDE_REQUESTS.length]?.(hostnameOf((count * 11) % TENANTS)) as string
    const socket = connect(this.#port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.resume().write(bytes)
    await wait(count % 16)
    if (count % 2 === 0) socket.destroy()
    else socket.resetAndDestroy()
    this.vanished += 1
    if (!socket.closed) await once(socket, 'close')
  }
}
