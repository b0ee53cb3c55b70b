import { BlockList, isIPv6 } from 'node:net'
import type { FastifyRequest } from 'fastify'

/** The names by which a browser on this machine, and nobody else, can reach a server on it. */
const NAMES = ['localhost', '127.0.0.1', '[::1]']

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/**
 * Why a request is refused; undefined: it is not.
 *
 * Whoever is on this machine may restart tenants, since there are no keys yet; so it must be certain that the
 * request is theirs. Two kinds are not, though they come from their browser: one that a page of another site
 * sends (it names its site in `Origin`), and one by a page whose host name was made to point here after it was
 * loaded (it names that host in `Host`, whatever address it resolves to).
 */
export function reasonToRefuse({ headers, socket }: FastifyRequest): string | undefined {
  if (!isLoopback(socket.remoteAddress)) return 'The tenant manager answers this machine only'
  const hosts = NAMES.flatMap((name) =>
    socket.localPort === 80 ? [name, `${name}:80`] : `${name}:${socket.localPort}`,
  )
  if (!hosts.includes(headers.host?.toLowerCase() ?? '')) {
    return 'The tenant manager answers to localhost, 127.0.0.1 and [::1], with its port, only'
  }
  if (headers.origin !== undefined && !hosts.some((host) => headers.origin === `http://${host}`)) {
    return 'The tenant manager does not take requests from other sites'
  }
  return undefined
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
