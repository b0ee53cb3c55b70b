import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { hostOf } from './tenant.ts'

interface Waiting {
  /** Whose answer it has to be. Undefined: anybody's will do. */
  readonly tenant: number | undefined
  resolve(status: number): void
  reject(error: Error): void
}

/**
 * One connection to a server, one request at a time; every answer is looked at. It knows as much of HTTP as these
 * servers speak: a client that knows more takes more CPU time than they do, and then it is the client that is measured.
 */
export class Connection {
  readonly #socket: Socket
  #received = ''
  #waiting: Waiting | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('close', () => this.#end(new Error('The connection has closed')))
    // 'close' follows.
    socket.on('error', () => {})
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Connection(socket)
  }

  /**
   * Sends a request for one tenant and waits for the answer.
   *
   * @throws when it is not that tenant's answer, and when the connection closes
   */
  ask(tenant: number): Promise<number> {
    return this.#send(requestFor(tenant), tenant)
  }

  /**
   * Sends a request for a host that may be nobody's, and resolves to the status of whatever is answered.
   *
   * @throws when the connection closes
   */
  askForStranger(host: string): Promise<number> {
    return this.#send(requestText(host), undefined)
  }

  close(): void {
    this.#socket.destroy()
  }

  #send(request: string, tenant: number | undefined): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting = { tenant, resolve, reject }
      if (this.#socket.destroyed) this.#end(new Error('The connection has closed'))
      else this.#socket.write(request, 'latin1')
    })
  }

  #take(chunk: Buffer): void {
    this.#received += chunk.toString('latin1')
    const head = this.#received.indexOf('\r\n\r\n')
    if (head === -1) return
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#received)?.[1]
    if (this.#received.length < head + 4 + Number(length)) return
    const answer = this.#received
    this.#received = ''
    const { tenant } = this.#waiting ?? { tenant: Number.NaN }
    if (tenant !== undefined) {
      const host = hostOf(tenant)
      const isRight = answer.startsWith('HTTP/1.1 200 ') && answer.startsWith(`{"name":"${host}"`, head + 4)
      if (!isRight) {
        this.#end(new Error(`Expected an answer of ${host}, got ${answer}`))
        return
      }
    }
    this.#end(Number(answer.slice(9, 12)))
  }

  #end(outcome: number | Error): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (outcome instanceof Error) waiting?.reject(outcome)
    else waiting?.resolve(outcome)
  }
}

const requests: string[] = []

function requestFor(tenant: number): string {
  requests[tenant] ??= requestText(hostOf(tenant))
  return requests[tenant]
}

function requestText(host: string): string {
  return `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`
}
