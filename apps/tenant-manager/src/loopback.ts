import { lookup } from 'node:dns/promises'
import { BlockList, isIPv6 } from 'node:net'
import type { FastifyRequest } from 'fastify'

/** The names by which a browser on this machine, and nobody else, can reach a server on it. */
const NAMES = ['localhost', '127.0.0.1', '[::1]']

/** By these, proxies say for whom they ask. */
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/**
 * Why a request is refused; undefined: it is not.
 *
 * Without a key, whoever is on this machine may restart tenants; so it must be certain that the request is theirs. Three
 * kinds are not, though they come from this machine: one that a proxy passes on (it may be anybody's; most proxies say
 * so), one that a page of another site has the browser send (it names its site in `Origin`, or its kind in
 * `Sec-Fetch-Site`), and one by a page whose host name was made to point here after it was loaded (it names that host
 * in `Host`, whatever address it resolves to).
 */
export function reasonToRefuse({ headers, socket }: FastifyRequest): string | undefined {
  if (!isLoopback(socket.remoteAddress)) return 'Without a key, the tenant manager answers this machine only'
  if (PROXY_HEADERS.some((name) => headers[name] !== undefined)) {
    return 'Without a key, the tenant manager takes no requests that a proxy passes on'
  }
  const hosts = [...NAMES, socket.localAddress ?? ''].flatMap((name) =>
    socket.localPort === 80 ? [name, `${name}:80`] : `${name}:${socket.localPort}`,
  )
  if (!hosts.includes(headers.host?.toLowerCase() ?? '')) {
    return 'The tenant manager answers to localhost, 127.0.0.1 and [::1], with its port, only'
  }
  if (headers.origin !== undefined && !hosts.some((host) => headers.origin === `http://${host}`)) {
    return 'The tenant manager does not take requests from other sites'
  }
  if (isSubrequestOfOthers(headers)) return 'The tenant manager does not take requests from other sites'
  return undefined
}

/** Images and the like are fetched without `Origin`. A link from another site leads here all the same. */
function isSubrequestOfOthers(headers: FastifyRequest['headers']): boolean {
  const site = headers['sec-fetch-site'] ?? 'none'
  return site !== 'none' && site !== 'same-origin' && headers['sec-fetch-mode'] !== 'navigate'
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/** Whether a server that listens on `host` can be reached from this machine only: whatever address it resolves to. */
export async function isLoopbackHost(host: string): Promise<boolean> {
  const addresses = await lookup(host, { all: true })
  return addresses.every(({ address }) => isLoopback(address))
}
