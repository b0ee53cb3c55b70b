import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below where Linux takes the ports of outgoing connections and of servers that listen on port 0 from (32,768): those
 * come and go all the time while tests run. A Redis Cluster node also listens 10,000 above its port.
 */
const LOWEST_PORT = 10_000
const HIGHEST_PORT = 32_767 - 10_000

/** A port of 127.0.0.1 on which nobody listens just now. Somebody else may be quicker: be ready to ask again. */
export async function freePort(): Promise<number> {
  for (;;) {
    // By chance: two test files that ask at the same moment rarely get the same one.
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT + 1))
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue
      throw error
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
