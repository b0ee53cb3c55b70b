import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { hostOf } from './tenant.ts'

interface Waiting {
  readonly tenant: number
  resolve(): void
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
  ask(tenant: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { tenant, resolve, reject }
      if (this.#socket.destroyed) this.#end(new Error('The connection has closed'))
      else this.#socket.write(requestFor(tenant), 'latin1')
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#received += chunk.toString('latin1')
    const head = this.#received.indexOf('\r\n\r\n')
    if (head === -1) return
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#received)?.[1]
    if (this.#received.length < head + 4 + Number(length)) return
    const answer = this.#received
    this.#received = ''
    const host = hostOf(this.#waiting?.tenant ?? Number.NaN)
    const isRight = answer.startsWith('HTTP/1.1 200 ') && answer.startsWith(`{"name":"${host}"`, head + 4)
    this.#end(isRight ? undefined : new Error(`Expected an answer of ${host}, got ${answer}`))
  }

  #end(error?: Error): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (error === undefined) waiting?.resolve()
    else waiting?.reject(error)
  }
}

const requests: string[] = []

function requestFor(tenant: number): string {
  requests[tenant] ??= `GET / HTTP/1.1\r\nHost: ${hostOf(tenant)}\r\n\r\n`
  return requests[tenant]
}
