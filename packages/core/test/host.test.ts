import fc from 'fast-check'
import t, { type Test } from 'tap'
import { quote, TenantryError } from '../src/errors.ts'
import { canonicalHostname, parseHost } from '../src/host.ts'

const LABEL_63 = 'a'.repeat(63)
const NAME_253 = `${LABEL_63}.${LABEL_63}.${LABEL_63}.${'b'.repeat(61)}`

/** Accepted in a Host header and in a configuration alike. */
const NAMES: readonly [name: string, canonical: string][] = [
  ['acme', 'acme'],
  ['acme.localhost', 'acme.localhost'],
  ['ACME.Example', 'acme.example'],
  ['acme.example.', 'acme.example'],
  ['ACME.example.', 'acme.example'],
  ['a-b.c--d.example', 'a-b.c--d.example'],
  ['my_shop._x_.example', 'my_shop._x_.example'],
  ['1.example', '1.example'],
  ['0x7f.1.example', '0x7f.1.example'],
  ['1.2.3.4a', '1.2.3.4a'],
  ['1.2.3.0x7g', '1.2.3.0x7g'],
  ['axn--b.example', 'axn--b.example'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
  ['xn--bcher-kva.example.', 'xn--bcher-kva.example'],
  [LABEL_63, LABEL_63],
  [NAME_253, NAME_253],
  [`${NAME_253}.`, NAME_253],
]

/** Accepted in a configuration only. */
const UNICODE_NAMES: readonly [name: string, canonical: string][] = [
  ['bücher.example', 'xn--bcher-kva.example'],
  ['BÜCHER.example.', 'xn--bcher-kva.example'],
  ['bu\u0308cher.example', 'xn--bcher-kva.example'],
  ['faß.example', 'xn--fa-hia.example'],
  ['☃.example', 'xn--n3h.example'],
  ['ａｃｍｅ．ｅｘａｍｐｌｅ', 'acme.example'],
  ['acme。example。', 'acme.example'],
  ['ac\u00adme.example', 'acme.example'],
  [`ü.${LABEL_63}`, `xn--tda.${LABEL_63}`],
]

/** Accepted in a Host header only. */
const HEADERS: readonly [header: string, canonical: string][] = [
  ['acme.localhost:3001', 'acme.localhost'],
  ['Acme.Example.:443', 'acme.example'],
  ['acme:1', 'acme'],
  ['acme:65535', 'acme'],
  ['acme:00080', 'acme'],
  ['XN--bcher-kva.example:80', 'xn--bcher-kva.example'],
  [`${NAME_253}.:65535`, NAME_253],
]

/** Refused everywhere, and what the message says of the rule. */
const REFUSED: readonly [name: string, why: string][] = [
  ['', 'there is no name in it'],
  ['.', 'it has an empty label'],
  ['..', 'it has an empty label'],
  ['a..b', 'it has an empty label'],
  ['.a', 'it has an empty label'],
  ['a.example..', 'it has an empty label'],
  ['-a.example', 'it has a label that begins or ends with a hyphen'],
  ['a-.example', 'it has a label that begins or ends with a hyphen'],
  ['a.-', 'it has a label that begins or ends with a hyphen'],
  [`${LABEL_63}a.example`, 'it has a label of more than 63 characters'],
  [`${NAME_253}c`, 'it is too long'],
  [`${NAME_253}..`, 'it is too long'],
  ['a'.repeat(65_536), 'it is too long'],
  ['a.'.repeat(32_768), 'it is too long'],
  ['@'.repeat(65_536), 'it is too long'],
  ['127.0.0.1', 'it is an IP address'],
  ['127.0.0.1.', 'it is an IP address'],
  ['127.1', 'it is an IP address'],
  ['2130706433', 'it is an IP address'],
  ['0x7f000001', 'it is an IP address'],
  ['0X7F.1', 'it is an IP address'],
  ['0x', 'it is an IP address'],
  ['acme.example.1', 'it is an IP address'],
  ['acme.09', 'it is an IP address'],
  ['a,b', 'it has the character ","'],
  ['a.example, b.example', 'it has the character ","'],
  ['user@acme.example', 'it has the character "@"'],
  [' acme', 'it has the character " "'],
  ['acme ', 'it has the character " "'],
  ['ac me', 'it has the character " "'],
  ['ac\tme', 'it has the character "\\t"'],
  ['acme\n', 'it has the character "\\n"'],
  ['ac\u0000me', 'it has the character "\\u0000"'],
  ['acme/', 'it has the character "/"'],
  ['acme\\x', 'it has the character "\\\\"'],
  ['acme?x', 'it has the character "?"'],
  ['acme#x', 'it has the character "#"'],
  ['%61cme.example', 'it has the character "%"'],
  ['acme*', 'it has the character "*"'],
  ['xn--a.example', 'it is not a valid internationalised name'],
  ['xn--a-.example', 'it has a label that begins or ends with a hyphen'],
  ['xn--.example', 'it is not a valid internationalised name'],
]

/** Refused in a configuration. */
const REFUSED_NAMES: readonly [name: string, why: string][] = [
  ['acme:80', 'it has the character ":"'],
  ['::1', 'it has the character ":"'],
  ['[::1]', 'it has the character "["'],
  ['１２７.０.０.１', 'it is an IP address'],
  ['acme！', 'it has the character "!"'],
  ['acme％2e', 'it is not a valid internationalised name'],
  ['xn--bücher', 'it is not a valid internationalised name'],
  ['acme／b', 'it is not a valid internationalised name'],
  ['bü\tcher', 'it has the character "\\t"'],
  ['b\ud800', 'it is not a valid internationalised name'],
  ['a\u200db', 'it is not a valid internationalised name'],
  ['\u00ad', 'it is not a valid internationalised name'],
  ['ü'.repeat(64), 'it has a label of more than 63 characters'],
  [`ü.${NAME_253.slice(2)}`, 'it is too long'],
]

/** Refused in a Host header. */
const REFUSED_HEADERS: readonly [header: string, why: string][] = [
  ['bücher.example', 'it has the character "ü"'],
  ['bÃ¼cher.example', 'it has the character "Ã"'],
  ['acme。example', 'it has the character "。"'],
  ['acme:', 'its port is not a number from 1 to 65535'],
  ['acme:0', 'its port is not a number from 1 to 65535'],
  ['acme:65536', 'its port is not a number from 1 to 65535'],
  ['acme:000080', 'its port is not a number from 1 to 65535'],
  ['acme:http', 'its port is not a number from 1 to 65535'],
  ['acme:80:80', 'its port is not a number from 1 to 65535'],
  ['acme:-1', 'its port is not a number from 1 to 65535'],
  ['acme:80.', 'its port is not a number from 1 to 65535'],
  ['::1', 'its port is not a number from 1 to 65535'],
  [':80', 'there is no name in it'],
  ['.:80', 'it has an empty label'],
  ['127.0.0.1:3000', 'it is an IP address'],
  ['[::1]', 'it is an IP address'],
  ['[::1]:3000', 'it is an IP address'],
  ['[acme]', 'it is an IP address'],
  ['user:secret@acme.example', 'it has the character "@"'],
  ['http://acme.example', 'it has the character "/"'],
  [`${NAME_253}c:80`, 'it is too long'],
]

t.test('G9: a name that is accepted has one canonical form', async (t) => {
  for (const [name, canonical] of [...NAMES, ...UNICODE_NAMES]) {
    t.equal(canonicalHostname(name), canonical, `canonicalHostname(${quote(name)})`)
    t.equal(canonicalHostname(canonical), canonical, `… and ${quote(canonical)} stays as it is`)
  }
  for (const [header, canonical] of [...NAMES, ...HEADERS]) {
    t.equal(parseHost(header), canonical, `parseHost(${quote(header)})`)
  }
})

t.test('G9: everything else is refused, and the message says what was received and why', async (t) => {
  for (const [name, why] of [...REFUSED, ...REFUSED_NAMES]) {
    refuses(t, () => canonicalHostname(name), `Invalid host ${quote(name)}: ${why}`)
  }
  for (const [header, why] of [...REFUSED, ...REFUSED_HEADERS]) {
    refuses(t, () => parseHost(header), `Invalid host ${quote(header)}: ${why}`)
  }
  refuses(t, () => parseHost('a..b'), 'Invalid host "a..b": it has an empty label')
  refuses(t, () => parseHost(undefined as never), 'Invalid host undefined: it is not a string')
  refuses(t, () => canonicalHostname(['acme'] as never), 'Invalid host an array: it is not a string')
})

t.test('G9: whatever comes, the parser agrees with the URL parser or refuses', async (t) => {
  const plain = fc.constantFrom(...'aAzZ019_-..', 'acme', '.example')
  // What the URL parser takes for a part of something else, decodes, drops, maps, or counts as a number.
  const odd = fc.constantFrom(
    ...'xn-- xn--bcher-kva 0x .1 :80 : .. @ / \\ ? # % %61 [ ::1 ] , ! ü Ü u\u0308 ß İ \u212a'.split(' '),
    ...'。 ． １ ％ ！ ／ ℀ ☃ א \u00ad \u200d \ud83d 😀'.split(' '),
    ...[' ', '\t', '\n', '\0', LABEL_63],
  )
  const part = fc.oneof({ weight: 3, arbitrary: plain }, { weight: 1, arbitrary: odd })
  const anyHost = fc.oneof(
    { weight: 9, arbitrary: fc.array(part, { maxLength: 8 }).map((parts) => parts.join('')) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  )
  const runs = { seed: 2019, numRuns: 10_000 }

  for (const parse of [parseHost, canonicalHostname]) {
    let accepted = 0
    const property = fc.property(anyHost, (received) => {
      const name = parsed(parse, received)
      if (name === null) return
      accepted += 1
      check(/^[a-z0-9._-]+$/.test(name), `${quote(name)} has no other characters`)
      check(parseHost(name) === name && canonicalHostname(name) === name, `${quote(name)} stays as it is`)
      // Also: what we accept, it accepts. So names that it tells apart are never one name here.
      const { hostname } = new URL(`http://${received}`)
      check(name === hostname.replace(/\.$/, ''), `${quote(name)} is the URL parser's ${quote(hostname)}`)
    })
    t.doesNotThrow(() => fc.assert(property, runs), `${parse.name} on ${runs.numRuns} hosts`)
    t.ok(accepted > runs.numRuns / 10, `${accepted} of them were accepted`)
  }

  let alike = 0
  const shortName = fc.string({ unit: fc.constantFrom(...'aAb1-.üÜ'), maxLength: 3 })
  const apart = fc.property(shortName, shortName, (one, other) => {
    const name = parsed(canonicalHostname, one)
    if (name === null || one === other || name !== parsed(canonicalHostname, other)) return
    alike += 1
    const [first, second] = [one, other].map((host) => new URL(`http://${host}`).hostname.replace(/\.$/, ''))
    check(first === second, `${quote(one)} and ${quote(other)} are one name to the URL parser too`)
  })
  t.doesNotThrow(() => fc.assert(apart, runs), 'hosts that the URL parser tells apart are never one name')
  t.ok(alike > 10, `${alike} pairs of spellings were one name`)

  // Lower-case names take the short way, by one test; in upper case and with a dot they take the long one.
  const asciiHost = fc.string({ unit: fc.constantFrom(...'abx01-_.', 'xn--', '0x', LABEL_63), maxLength: 8 })
  const spelling = fc.property(asciiHost, (host) => {
    const name = parsed(parseHost, host)
    check(parsed(parseHost, host.toUpperCase()) === name, 'in upper case')
    check(host.endsWith('.') || parsed(parseHost, `${host}.`) === name, 'with a dot')
  })
  t.doesNotThrow(() => fc.assert(spelling, runs), 'neither case nor a trailing dot makes a difference')
})

function refuses(t: Test, parse: () => string, message: string): void {
  t.throws(parse, { code: 'TENANTRY_ERR_HOST_INVALID', statusCode: 400, message }, message)
}

/** The name that `parse` gives; null when it refuses, as it should. */
function parsed(parse: (host: string) => string, host: string): string | null {
  let name: string | null = null
  try {
    name = parse(host)
  } catch (error) {
    check(
      error instanceof TenantryError && error.code === 'TENANTRY_ERR_HOST_INVALID',
      `${error} is the refusal`,
    )
  }
  return name
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`It does not hold that ${what}`)
}
