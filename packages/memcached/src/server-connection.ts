import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { MemcacheClient } from 'memcache-client'
import { MAX_COMMAND_TIMEOUT_MS } from './check-options.ts'
import { hostAddresses } from './host-addresses.ts'

/** What the store asks of a server. */
type Operation<T> = (client: MemcacheClient) => Promise<T>

/** How far apart attempts are to hear from a server that was silent, and then refuses. */
const RETRY_MS = 100

/** In so many steps a time limit passes: however long the event loop is held up, that takes one of them. */
const STEPS = 4

export interface ServerConnectionOptions {
  /** As `host:port`. */
  readonly address: string
  readonly commandTimeoutMs: number
  readonly tls?: ConnectionOptions | undefined
}

/**
 * The way to one server: one connection, made when something is asked for; a time limit for every operation; and
 * nothing that is ever sent twice (R5). `docs/decisions/0011-memcached-client.md` tells what the client leaves to it.
 */
export class ServerConnection {
  readonly address: string
  readonly #timeoutMs: number
  readonly #client: MemcacheClient
  /** The connection, once it is up; it may be over. */
  #socket: Socket | undefined
  /** Settles when the connection is up that is being made. */
  #connecting: Promise<void> | undefined
  /** How to reject each operation that is under way. */
  readonly #pending = new Set<(error: Error) => void>()
  /** Set from when the server has left something unanswered until it answers again. */
  #silence: Error | undefined
  #closed = false

  constructor({ address, commandTimeoutMs, tls }: ServerConnectionOptions) {
    this.address = address
    this.#timeoutMs = commandTimeoutMs
    this.#client = new MemcacheClient({
      server: address,
      noDelay: true,
      // The client's own limit goes by the wall clock, also while the event loop is held up. So it is longer than any
      // of ours, but has an end: until then, what it forgets to clear would keep the process alive.
      cmdTimeout: 2 * MAX_COMMAND_TIMEOUT_MS,
      // What a token is not is not decompressed either: that would fail with all that is read beside it.
      compressor: { compressSync: asItIs, decompressSync: asItIs },
      ...(tls !== undefined && { tls }),
    })
  }

  /**
   * Runs `operation`, whose error for a reply such as `SERVER_ERROR` is told as the server's. While there is no
   * connection it waits for one, for no longer than the time limit. A server that is known to be silent is not waited
   * for: it is asked in the background until it answers.
   *
   * @throws when the server has refused, or has not answered in time, or the connection closes meanwhile; but for the
   * first, the outcome is unknown then
   */
  ask<T>(operation: Operation<T>): Promise<T> {
    return this.#silence === undefined ? this.#run(operation) : Promise.reject(this.#silence)
  }

  /** Ends the connection, whether or not the server answers. Operations under way reject, and so do all later ones. */
  close(): void {
    this.#closed = true
    this.#silence = undefined
    this.#drop(closedError())
  }

  #run<T>(operation: Operation<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedError())
    return new Promise<T>((resolve, reject) => {
      let timer: NodeJS.Timeout
      // If the event loop was held up, connecting may need several turns yet, and answers may have come meanwhile: so
      // that counts for one step, and there is one more turn when the time is up.
      const wait = (steps: number) => {
        const next = steps > 1 ? () => wait(steps - 1) : () => setImmediate(giveUp)
        timer = setTimeout(next, this.#timeoutMs / STEPS)
      }
      const giveUp = () => this.#pending.has(fail) && this.#giveUp()
      const end = () => {
        clearTimeout(timer)
        this.#pending.delete(fail)
      }
      const fail = (error: Error) => {
        end()
        reject(error)
      }
      this.#pending.add(fail)
      wait(STEPS)
      const run = async () => {
        if (this.#socket?.destroyed !== false) await this.#connect()
        // Otherwise the client would make another connection, to whichever address it likes.
        if (this.#socket?.destroyed !== false) throw new Error('socket closed')
        // What was given up meanwhile must not be sent on a connection that another operation has made.
        if (!this.#pending.has(fail)) throw new Error('given up')
        return operation(this.#client)
      }
      run().then(
        (answer) => {
          end()
          resolve(answer)
        },
        (error: unknown) => fail(this.#told(error)),
      )
    })
  }

  /** Makes the connection that operations wait for, unless that is under way. */
  #connect(): Promise<void> {
    if (this.#connecting !== undefined) return this.#connecting
    const attempt: Promise<void> = this.#open(() => this.#connecting === attempt).finally(() => {
      if (this.#connecting === attempt) this.#connecting = undefined
    })
    this.#connecting = attempt
    return attempt
  }

  /** @param isWanted false when it has been given up meanwhile: then nothing may be connected to any more */
  async #open(isWanted: () => boolean): Promise<void> {
    const addresses = await hostAddresses(this.address.replace(/:\d+$/, ''))
    if (!isWanted()) return
    // It sends nothing: the client hands over its socket as soon as there is a connection.
    await this.#client.send((socket) => this.#up(socket, addresses), { noreply: true })
  }

  #up(socket: Socket | undefined, addresses: readonly string[]): void {
    if (socket === undefined) throw new Error('socket closed')
    const { remoteAddress } = socket
    if (remoteAddress === undefined || !addresses.includes(remoteAddress)) {
      // The client has looked the name up once more.
      this.#client.shutdown()
      throw new Error(`${remoteAddress} was connected to, and not ${addresses.join(' or ')}`)
    }
    this.#socket = socket
  }

  /** One operation is unanswered: none that came after it will be answered either. */
  #giveUp(): void {
    const isNews = this.#silence === undefined
    this.#silence = new Error(`Memcached at ${this.address} did not answer within ${this.#timeoutMs} ms`)
    this.#drop(this.#silence)
    if (isNews) this.#listen()
  }

  /** Asks a silent server until it answers. */
  #listen(): void {
    this.#run((client) => client.version()).then(
      () => {
        this.#silence = undefined
      },
      (error) => {
        if (this.#closed) return
        this.#silence = error
        setTimeout(() => this.#listen(), RETRY_MS).unref()
      },
    )
  }

  /** Closes the connection: what was waiting for it is never sent. The next operation makes another one. */
  #drop(reason: Error): void {
    this.#connecting = undefined
    this.#socket = undefined
    this.#client.shutdown()
    for (const fail of this.#pending) fail(reason)
  }

  #told(cause: unknown): Error {
    const { message, code, cmdTokens } = cause as Error & { code?: string; cmdTokens?: string[] }
    const what = cmdTokens === undefined ? 'did not answer:' : 'answered'
    // The code first: where a name has several addresses, the error of connecting has no message.
    const why = code ?? message.trim().replace(/\s*[\r\n]+\s*/g, ' ')
    return new Error(`Memcached at ${this.address} ${what} ${why}`, { cause })
  }
}

function closedError(): Error {
  return new Error('This store is closed')
}

function asItIs(payload?: { input: unknown }): Buffer {
  return payload?.input as Buffer
}
