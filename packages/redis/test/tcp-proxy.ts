import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands between a client and its Redis, writes down what passes, and misbehaves when told to. */
export interface TcpProxy {
  readonly url: string
  readonly port: number
  /** All that clients have sent so far. */
  readonly received: string
  /** How many connections have been made so far. */
  readonly connections: number
  /** From now on, what Redis answers on the connections that there are is not passed on. */
  swallowAnswers(): void
  /** From now on, nothing passes on the connections that there are; they stay open. */
  swallowEverything(): void
  /** Closes the connections that there are. */
  cut(): void
  stop(): void
}

export async function startProxy(redisPort: number): Promise<TcpProxy> {
  let received = ''
  let connections = 0
  const pairs = new Set<[client: Socket, redis: Socket]>()

  const server = createServer((client) => {
    connections += 1
    const redis = connect(redisPort, '127.0.0.1')
    const pair: [Socket, Socket] = [client, redis]
    pairs.add(pair)
    client.on('data', (data) => {
      received += data
      redis.write(data)
    })
    redis.on('data', (data) => client.write(data))
    for (const socket of pair) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        pairs.delete(pair)
        client.destroy()
        redis.destroy()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const swallow = (socket: Socket) => socket.removeAllListeners('data').resume()
  const cut = () => {
    for (const [client] of pairs) client.destroy()
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get received() {
      return received
    },
    get connections() {
      return connections
    },
    swallowAnswers: () => {
      for (const [, redis] of pairs) swallow(redis)
    },
    swallowEverything: () => {
      for (const pair of pairs) pair.forEach(swallow)
    },
    cut,
    stop: () => {
      server.close()
      cut()
    },
  }
}
