import dns from 'node:dns'
import { promisify } from 'node:util'

/**
 * The addresses of `host`: one, or an IPv4 and an IPv6 address, which are taken for two of one server.
 *
 * @throws when there are several of one kind: Node would connect to any of them, and a key lives in one place (G1)
 */
export async function hostAddresses(host: string): Promise<string[]> {
  const found = await promisify(dns.lookup)(host, { all: true })
  const addresses = [...new Set(found.map(({ address }) => address))]
  const kinds = new Set(found.map(({ family }) => family))
  if (addresses.length > kinds.size) {
    const list = addresses.toSorted().join(', ')
    throw new Error(`the name has several addresses (${list}); name each server by its own`)
  }
  return addresses
}
