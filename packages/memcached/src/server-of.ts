import { hash } from 'node:crypto'

/**
 * The one server, of several, that holds what is called `name`: whoever scores highest for it (rendezvous hashing).
 *
 * It depends on nothing but the addresses, in whatever order. When one is added to the list or taken off it, only those
 * names move that the one is now to hold, or held.
 */
export function serverOf<Server extends { readonly address: string }>(
  servers: readonly Server[],
  name: string,
): Server {
  let [chosen] = servers as [Server]
  if (servers.length === 1) return chosen
  let highest = ''
  for (const server of servers) {
    const score = hash('sha256', `${server.address} ${name}`, 'hex')
    if (score > highest) [highest, chosen] = [score, server]
  }
  return chosen
}
