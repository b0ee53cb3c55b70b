import { Connection } from './connection.ts'

/** What came of a load. */
export interface Outcome {
  /** How long each request took, in milliseconds. */
  readonly latencies: readonly number[]
  /** From the first request to the last answer, in milliseconds. */
  readonly tookMs: number
}

/** How long to rest between two looks at what is due, in milliseconds; timers are no finer than a whole one. */
const REST_MS = 0.05

const never = new Int32Array(new SharedArrayBuffer(4))

/** Some connections to one server, and the loads that are put on it through them. */
export class Load {
  readonly #connections: readonly Connection[]
  readonly #tenants: number

  private constructor(connections: readonly Connection[], tenants: number) {
    this.#connections = connections
    this.#tenants = tenants
  }

  static async open(
    port: number,
    { connections, tenants }: { connections: number; tenants: number },
  ): Promise<Load> {
    const opened = Array.from({ length: connections }, () => Connection.open(port))
    return new Load(await Promise.all(opened), tenants)
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }

  /**
   * Asks for one tenant after the other, until there have been `count` requests.
   *
   * @throws when any answer is wrong
   */
  async inTurn(count: number): Promise<void> {
    let sent = 0
    await this.#each(async (connection) => {
      while (sent < count) {
        sent += 1
        await connection.ask(sent % this.#tenants)
      }
    })
  }

  /**
   * A closed loop: each connection asks for a tenant by chance, and for another one as soon as it is answered. This
   * tells how much the server can do; how long a request takes is then a matter of how many there are.
   *
   * @throws when any answer is wrong
   */
  async atFullSpeed(forMs: number): Promise<Outcome> {
    const latencies: number[] = []
    const start = performance.now()
    let end = start
    await this.#each(async (connection) => {
      let sentAt = performance.now()
      while (sentAt - start < forMs) {
        await connection.ask(this.#anyTenant())
        end = performance.now()
        latencies.push(end - sentAt)
        sentAt = end
      }
    })
    return { latencies, tookMs: end - start }
  }

  /**
   * An open loop: requests come by chance (a Poisson process), whether or not those before them have been answered,
   * as those of many people do. One that finds no connection free waits for one, and the wait counts.
   *
   * @throws when any answer is wrong
   */
  async atRate(perSecond: number, forMs: number): Promise<Outcome> {
    const latencies: number[] = []
    const free = [...this.#connections]
    const waiting: number[] = []
    const start = performance.now()
    let end = start
    let dueAt = start
    let failure: Error | undefined

    const send = async (connection: Connection, firstDueAt: number): Promise<void> => {
      let due: number | undefined = firstDueAt
      for (; due !== undefined; due = waiting.shift()) {
        await connection.ask(this.#anyTenant())
        end = performance.now()
        latencies.push(end - due)
      }
      free.push(connection)
    }
    const fail = (error: Error) => {
      failure = error
    }

    while (dueAt < start + forMs || free.length < this.#connections.length) {
      const until = Math.min(performance.now(), start + forMs)
      while (dueAt < until) {
        const connection = free.pop()
        if (connection === undefined) waiting.push(dueAt)
        else send(connection, dueAt).catch(fail)
        dueAt += (-Math.log(1 - Math.random()) * 1000) / perSecond
      }
      // Redis shares this core: it gets it meanwhile.
      Atomics.wait(never, 0, 0, REST_MS)
      await new Promise(setImmediate)
      if (failure !== undefined) throw failure
    }
    return { latencies, tookMs: end - start }
  }

  #anyTenant(): number {
    return Math.floor(Math.random() * this.#tenants)
  }

  async #each(run: (connection: Connection) => Promise<void>): Promise<void> {
    await Promise.all(this.#connections.map(run))
  }
}
