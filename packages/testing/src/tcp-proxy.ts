import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TcpProxyOptions {
  /** The port of the server that it stands in front of. */
  to: number
  /** @default '127.0.0.1' */
  host?: string
}

/** Stands between clients and their server, writes down what passes, and misbehaves when told to. */
export interface TcpProxy {
  readonly port: number
  /** How many connections have been made so far. */
  readonly connections: number
  /** All that clients have sent so far, held or not. */
  readonly received: string
  /** How many bytes have been swallowed so far, of both sides. */
  readonly swallowed: number
  /** A URL of the server as one that leads through this proxy. */
  urlOf(url: string): string
  /**
   * From the next piece on in which a client sends something that matches, nothing passes any more: on no
   * connection, in neither direction. So whoever is behind it stands at just this step, and can be ended there:
   * that one side has gone is passed on.
   *
   * A piece is what arrives at once; a short command does, together with those that were sent in the same turn.
   *
   * @param options.after that piece itself still passes, and what is held first is the answer to it.
   * @default false
   * @returns resolves when that has happened
   */
  holdWhen(pattern: string | RegExp, options?: { after?: boolean }): Promise<void>
  /** Passes on what was held, in its order, and holds nothing any more. */
  resume(): void
  /** From now on, what the server answers on the connections that there are is not passed on, ever. */
  swallowAnswers(): void
  /**
   * From now on, nothing passes on the connections that there are, ever. They stay open: neither side is told that the
   * other one has gone, as where a cable is cut.
   *
   * @param options.new connections that are made from now on are accepted, and no better off. Until {@link passNew}.
   * @default false
   */
  swallowEverything(options?: { new?: boolean }): void
  /** From now on, new connections work again. */
  passNew(): void
  /**
   * From now on, each piece that the server answers is passed on so much later, in its order.
   *
   * @param ms 0: at once again, behind what is still on its way
   */
  delayAnswers(ms: number): void
  /** Closes the connections that there are. */
  cut(): void
  /** Closes them, and accepts no more. */
  close(): void
}

interface Hold {
  readonly pattern: string | RegExp
  readonly after: boolean
  readonly begun: () => void
}

export async function startTcpProxy({ to, host = '127.0.0.1' }: TcpProxyOptions): Promise<TcpProxy> {
  let received = ''
  let connections = 0
  let swallowed = 0
  let swallowsNew = false
  let delayMs = 0
  const pairs = new Set<[client: Socket, server: Socket]>()
  /** Of these neither side is told of the other one's end. */
  const halfOpen = new WeakSet<Socket>()
  let awaited: Hold | undefined
  /** On this connection the answer to the piece that matched is still to come. */
  let answering: { readonly server: Socket; readonly begun: () => void } | undefined
  /** Undefined: nothing is held. */
  let held: (() => void)[] | undefined

  const server = createServer((client) => {
    connections += 1
    const upstream = connect(to, host)
    const pair: [Socket, Socket] = [client, upstream]
    pairs.add(pair)
    /** Resolves when all that has been delayed so far has been passed on. */
    let delayed: Promise<unknown> | undefined
    client.on('data', (data) => {
      received += data
      if (held === undefined && awaited !== undefined && matches(`${data}`, awaited.pattern)) begin(awaited)
      pass(data, upstream)
    })
    upstream.on('data', (data) => {
      if (answering?.server === upstream) hold(answering.begun)
      if (delayMs === 0 && delayed === undefined) pass(data, client)
      else delay(() => pass(data, client))
    })

    function delay(run: () => void): void {
      const mine = Promise.all([delayed, sleep(delayMs)]).then(() => {
        if (delayed === mine) delayed = undefined
        if (!halfOpen.has(client)) run()
      })
      delayed = mine
    }

    function begin({ after, begun }: Hold): void {
      awaited = undefined
      if (after) answering = { server: upstream, begun }
      else hold(begun)
    }

    for (const [from, into] of [pair, pair.toReversed()] as [Socket, Socket][]) {
      from.on('error', () => undefined)
      from.on('close', () => {
        if (into.closed) pairs.delete(pair)
        if (halfOpen.has(from)) return
        // Not destroyed: what was passed on before is still to arrive.
        if (into === client && delayed !== undefined) delay(() => into.end())
        else into.end()
      })
    }
    if (swallowsNew) cutCable(pair)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  function hold(begun: () => void): void {
    answering = undefined
    held = []
    begun()
  }

  function pass(data: Buffer, into: Socket): void {
    const write = () => void (into.writable && into.write(data))
    if (held === undefined) write()
    else held.push(write)
  }

  function swallow(socket: Socket): void {
    socket.removeAllListeners('data').on('data', (data) => {
      swallowed += data.length
    })
  }

  function cutCable(pair: readonly Socket[]): void {
    for (const socket of pair) {
      halfOpen.add(socket)
      swallow(socket)
    }
  }

  const cut = () => {
    for (const socket of [...pairs].flat()) socket.destroy()
  }
  return {
    port,
    get connections() {
      return connections
    },
    get received() {
      return received
    },
    get swallowed() {
      return swallowed
    },
    urlOf(url) {
      const proxied = new URL(url)
      proxied.host = `127.0.0.1:${port}`
      return proxied.href
    },
    holdWhen: (pattern, { after = false } = {}) =>
      new Promise((begun) => {
        awaited = { pattern, after, begun }
      }),
    resume() {
      const writes = held ?? []
      held = awaited = answering = undefined
      for (const write of writes) write()
    },
    swallowAnswers: () => {
      for (const [, upstream] of pairs) swallow(upstream)
    },
    swallowEverything({ new: alsoNew = false } = {}) {
      swallowsNew = alsoNew
      for (const pair of pairs) cutCable(pair)
    },
    passNew() {
      swallowsNew = false
    },
    delayAnswers(ms) {
      delayMs = ms
    },
    cut,
    close: () => {
      server.close()
      cut()
    },
  }
}

function matches(data: string, pattern: string | RegExp): boolean {
  // Not test(): of a pattern with the flag g it would remember where it was.
  return typeof pattern === 'string' ? data.includes(pattern) : data.search(pattern) !== -1
}
