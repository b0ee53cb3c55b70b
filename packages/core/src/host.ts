import { domainToASCII } from 'node:url'
import { quote, TenantryError } from './errors.ts'

/** What {@link requestHostname} needs of a request. The requests of `node:http` and `node:http2` have it. */
export interface HostedRequest {
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined }
  /** Names and values by turns, as they came: the only place where a second Host header can be seen. */
  readonly rawHeaders: readonly string[]
  readonly url?: string | undefined
}

/** What DNS allows, in bytes; canonical names are ASCII, so these are characters too. */
const MAX_NAME_LENGTH = 253
const MAX_LABEL_LENGTH = 63

/** A trailing dot, a colon, and five digits may come with a name. */
const MAX_HOST_LENGTH = MAX_NAME_LENGTH + 7

/** Names and values of headers that Node keeps, unless it is told otherwise (`maxHeadersCount`). */
const MAX_RAW_HEADERS = 2000

/**
 * A name that is canonical as it stands, as nearly every request brings it, told by one test.
 *
 * It says the same as {@link canonicalise}, but for labels that begin with `xn--`: whether those are canonical,
 * only IDNA can say.
 */
const PLAIN_NAME = /^(?:(?!xn--|(?:\d+|0x[\da-f]*)$)[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?(?:\.(?!$)|$))+$/

/** The last label of what the WHATWG URL parser, and so browsers, take for an IPv4 address. */
const NUMBER = /^(?:\d+|0x[\da-f]*)$/

/** A request target in absolute form; captures its authority. */
const ABSOLUTE_FORM = /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)/i

const SLASH = 0x2f

/**
 * The one spelling of a host name by which hosts are compared: lower case, without a trailing dot,
 * internationalised names in their ASCII form (`xn--…`).
 *
 * For names from a configuration or a database; for a Host header, {@link parseHost}. Canonical names stay as
 * they are.
 *
 * Underscores are let in: no registered name has one, but names below it may (`my_shop.example.com` under a
 * wildcard), browsers go there, and an underscore is never another spelling of anything.
 *
 * @param name a host name without a port; Unicode is allowed
 * @throws TENANTRY_ERR_HOST_INVALID unless the name is at most 253 characters of non-empty labels of at most 63
 *   letters, digits, hyphens (not at a label's ends) and underscores, and no IP address.
 */
export function canonicalHostname(name: string): string {
  return isPlain(name) ? name : canonicalise(name, name)
}

/**
 * The canonical host name in a Host header, or in whatever has the same form (`:authority`, `X-Forwarded-Host`).
 *
 * @param header printable ASCII (in which encoding other bytes would be is not known: an internationalised name
 *   comes in its `xn--` form): a host name, and perhaps a port
 * @throws TENANTRY_ERR_HOST_INVALID for everything else; see {@link canonicalHostname}
 */
export function parseHost(header: string): string {
  if (isPlain(header)) return header
  // First of all, so that what comes after looks at a bounded number of characters.
  refuseLongerThan(MAX_HOST_LENGTH, header, header)
  if (header.startsWith('[')) throw invalidHost(header, 'it is an IP address')
  refuseCharacters(/[^\w.:-]/, header, header)
  const colon = header.indexOf(':')
  if (colon === -1) return canonicalise(header, header)
  const port = header.slice(colon + 1)
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw invalidHost(header, 'its port is not a number from 1 to 65535')
  }
  const name = header.slice(0, colon)
  return isPlain(name) ? name : canonicalise(name, header)
}

/**
 * The canonical host name that a request names.
 *
 * A request may say more than once where it goes: in Host, in HTTP/2's `:authority`, in a target in absolute form.
 * What stands before this server may have gone by another of them than we would; so they must agree.
 *
 * @param forwardedHost where a trusted proxy says which host its client named (the `X-Forwarded-Host` that the
 *   framework accepted): it is the name, and Host may be whatever the proxy calls this server by.
 * @throws TENANTRY_ERR_HOST_INVALID when the request names no host, two hosts, or not a valid one; also when it
 *   has two equal Host headers, user info in its target, or 1000 headers, beyond which Node would hide a second host
 */
export function requestHostname(request: HostedRequest, forwardedHost?: string): string {
  const { headers, rawHeaders, url } = request
  refuseSecondHost(rawHeaders)
  const authority = only(headers[':authority'])
  const host = only(headers.host) ?? authority
  if (authority !== undefined) requireAgreement(host, authority, ':authority')
  // Nearly every target begins with a slash: it is a path, and names no host.
  if (url !== undefined && url.charCodeAt(0) !== SLASH) {
    const target = ABSOLUTE_FORM.exec(url)?.[1]
    if (target !== undefined) requireAgreement(host, target, 'the target')
  }
  const name = forwardedHost ?? host
  if (name === undefined) {
    throw new TenantryError('TENANTRY_ERR_HOST_INVALID', { message: 'The request names no host' })
  }
  return parseHost(name)
}

function isPlain(name: string): boolean {
  if (typeof name !== 'string') throw invalidHost(name, 'it is not a string')
  return name.length <= MAX_NAME_LENGTH && PLAIN_NAME.test(name)
}

/** @param received what the name is a part of, for messages */
function canonicalise(name: string, received: string): string {
  refuseLongerThan(MAX_NAME_LENGTH + 1, name, received)
  if (name === '') throw invalidHost(received, 'there is no name in it')
  // Before `domainToASCII`: it parses a URL, so it would decode `%61`, drop tabs, and stop at a slash or a colon.
  refuseCharacters(/[^\w.\u0080-\uffff-]/, name, received)
  const ascii = toAscii(name)
  if (ascii === '') throw invalidHost(received, 'it is not a valid internationalised name')
  // After it too: it turns a full-width `！` into `!`. Full-width digits and dots can make an IP address, as well.
  refuseCharacters(/[^\w.-]/, ascii, received)
  const canonical = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii
  refuseLongerThan(MAX_NAME_LENGTH, canonical, received)
  const labels = canonical.split('.')
  for (const label of labels) {
    if (label === '') throw invalidHost(received, 'it has an empty label')
    if (label.length > MAX_LABEL_LENGTH) {
      throw invalidHost(received, `it has a label of more than ${MAX_LABEL_LENGTH} characters`)
    }
    if (label.startsWith('-') || label.endsWith('-')) {
      throw invalidHost(received, 'it has a label that begins or ends with a hyphen')
    }
  }
  if (NUMBER.test(labels.at(-1) as string)) throw invalidHost(received, 'it is an IP address')
  return canonical
}

/** Lower case and IDNA; the empty string for what IDNA refuses. */
function toAscii(name: string): string {
  const ascii = /[\u0080-\uffff]/.test(name) ? domainToASCII(name) : name.toLowerCase()
  // Two spellings of one label must not be two names: what IDNA would write in another way is refused.
  return ascii.includes('xn--') && domainToASCII(ascii) !== ascii ? '' : ascii
}

function refuseSecondHost(rawHeaders: readonly string[]): void {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    // Lengths first: this runs for every header of every request.
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
    if (hosts > 1) throw invalidHost(rawHeaders[index + 1], 'it is in a second Host header')
  }
  // Node leaves out what comes after so many without a word: a second Host, or the one that a trusted proxy has added.
  if (rawHeaders.length >= MAX_RAW_HEADERS) {
    throw new TenantryError('TENANTRY_ERR_HOST_INVALID', {
      message: `Expected fewer than ${MAX_RAW_HEADERS / 2} headers, as one after them may name another host`,
    })
  }
}

function only(value: string | readonly string[] | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw invalidHost(value, 'the request names more than one')
}

/**
 * What is no valid name (an address, where a proxy comes by one) has no canonical form: it must be repeated letter
 * by letter.
 */
function requireAgreement(host: string | undefined, other: string, where: string): void {
  if (other.includes('@')) throw invalidHost(other, 'it has user info')
  if (host?.toLowerCase() === other.toLowerCase()) return
  if (host === undefined || nameOrNull(host) === null || nameOrNull(host) !== nameOrNull(other)) {
    throw invalidHost(host, `${where} names ${quote(other)}`)
  }
}

function nameOrNull(host: string): string | null {
  try {
    return parseHost(host)
  } catch {
    return null
  }
}

function refuseLongerThan(length: number, text: string, received: string): void {
  if (text.length > length) throw invalidHost(received, 'it is too long')
}

function refuseCharacters(refused: RegExp, text: string, received: string): void {
  const found = refused.exec(text)
  if (found !== null) throw invalidHost(received, `it has the character ${quote(found[0])}`)
}

function invalidHost(received: unknown, why: string): TenantryError {
  return new TenantryError('TENANTRY_ERR_HOST_INVALID', {
    message: `Invalid host ${quote(received)}: ${why}`,
  })
}
