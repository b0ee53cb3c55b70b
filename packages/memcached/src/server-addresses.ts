import { isIPv4 } from 'node:net'
import { invalidOption } from './invalid-option.ts'
import { received } from './received.ts'

const DEFAULT_PORT = 11211

const MAX_PORT = 65_535

/** Labels between dots; a dot may stand behind the last one, too. */
const HOST = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i

/** What ends in a number is an IPv4 address, or none; `127.1` would be another spelling of one. */
const ENDS_IN_NUMBER = /(?:^|\.)\d+\.?$/

/**
 * The addresses of `servers`, each as `host:port` in lower case, so that two spellings of one server are one.
 *
 * @throws TENANTRY_ERR_OPTIONS_INVALID
 */
export function serverAddresses(servers: unknown): string[] {
  const list: unknown[] = Array.isArray(servers) ? servers : [servers]
  if (list.length === 0) throw invalidServer(received(list))
  const addresses = list.map(serverAddress)
  const twice = addresses.find((address, index) => addresses.indexOf(address) !== index)
  if (twice !== undefined) throw invalidServer(`${twice} twice`)
  return addresses
}

function serverAddress(server: unknown): string {
  if (typeof server !== 'string') throw invalidServer(received(server))
  const [, host = '', port = `${DEFAULT_PORT}`] = /^([^:]+)(?::(\d{1,5}))?$/.exec(server) ?? []
  const isHost = HOST.test(host) && (isIPv4(host) || !ENDS_IN_NUMBER.test(host))
  if (!isHost || Number(port) < 1 || Number(port) > MAX_PORT) throw invalidServer(receivedText(server))
  return `${host.toLowerCase()}:${Number(port)}`
}

/** Of anything that may hold a password, as a URL may, nothing is repeated. */
function receivedText(server: string): string {
  return /^[\w.:[\]-]*$/.test(server) ? `"${server}"` : 'a string with other characters'
}

function invalidServer(got: string): Error {
  return invalidOption(
    'Expected each server to be "host" or "host:port", with a name or an IPv4 address, ' +
      `and no server twice, got ${got}`,
  )
}
