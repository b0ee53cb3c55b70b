import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** A Redis Cluster node also listens 10,000 above its port. */
const HIGHEST_PORT = 65_535 - 10_000

/** A port of 127.0.0.1 on which nobody listens just now. Somebody else may be quicker: be ready to ask again. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    if (port <= HIGHEST_PORT) return port
  }
}
