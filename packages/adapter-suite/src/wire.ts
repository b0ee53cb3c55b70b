import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What a server answered, as it came. */
export interface RawAnswer {
  readonly statusCode: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A connection on which every byte is the test's own. */
export class Wire {
  readonly socket: Socket
  /** What has been received so far. */
  received = ''
  #stir = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    // latin1: one character per byte.
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      this.received += chunk
      this.#stir()
    })
    socket.on('close', () => this.#stir())
    // A server may reset a connection that it refuses; what it has said before counts.
    socket.on('error', () => {})
  }

  static async open(port: number): Promise<Wire> {
    const socket = connect(port, '127.0.0.1')
    const wire = new Wire(socket)
    await once(socket, 'connect')
    return wire
  }

  /** @param text one character per byte */
  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** Sends a GET request for `path`. */
  get(path: string, headers: string): void {
    this.send(`GET ${path} HTTP/1.1\r\n${headers}\r\n\r\n`)
  }

  /** Waits until `text` has come. */
  async until(text: string): Promise<void> {
    while (!this.received.includes(text)) {
      if (this.socket.destroyed) throw new Error(`The server closed the connection after ${this.received}`)
      await new Promise<void>((resolve) => {
        this.#stir = resolve
      })
    }
  }

  /** Waits until the server has closed the connection. */
  async ended(): Promise<void> {
    if (!this.socket.destroyed) await once(this.socket, 'close')
  }

  /** The client is gone. */
  vanish(): void {
    this.socket.destroy()
  }

  /** What the server has answered first. */
  answer(): RawAnswer {
    const [head = '', ...rest] = this.received.split('\r\n\r\n')
    const [status = '', ...lines] = head.split('\r\n')
    const headers = lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
    })
    return {
      statusCode: Number(status.split(' ')[1]),
      headers: Object.fromEntries(headers),
      body: rest.join('\r\n\r\n'),
    }
  }
}

/** Sends bytes on a connection of their own, and resolves to the answer when the server has closed it. */
export async function askRaw(port: number, request: string): Promise<RawAnswer> {
  const wire = await Wire.open(port)
  wire.send(request)
  await wire.ended()
  return wire.answer()
}
