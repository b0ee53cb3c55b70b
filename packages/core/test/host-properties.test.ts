import fc, { type Arbitrary } from 'fast-check'
import t from 'tap'
import { hasCode, quote } from '../src/errors.ts'
import { canonicalHostname, parseHost, requestHostname } from '../src/host.ts'
import { hostDirectory } from '../src/host-directory.ts'
import { MemoryTokenStore } from '../src/memory-token-store.ts'
import { TenantPool } from '../src/tenant-pool.ts'

const SEED = 2019

/** The host name as the WHATWG URL parser reads it; null: it refuses. A dot at the end makes no other name. */
function whatwgName(host: string): string | null {
  // Not URL.canParse: once Node has optimised it, it refuses characters from U+0080 to U+00FF (seen in 20.20).
  try {
    return new URL(`http://${host}`).hostname.replace(/\.$/, '')
  } catch {
    return null
  }
}

/** Null: it is refused, with the refusal's own code. */
function nameOrNull(parse: () => string): string | null {
  try {
    return parse()
  } catch (error) {
    check(hasCode(error, 'TENANTRY_ERR_HOST_INVALID'), `${error} is the refusal`)
    return null
  }
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`It does not hold that ${what}`)
}

/** One of a few spellings of every number that URL parsers take for a part of an address. */
function spelled(number: number): Arbitrary<string> {
  const hex = number.toString(16)
  const fullWidth = String(number).replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)))
  return fc.constantFrom(
    String(number),
    `0x${hex}`,
    `0X${hex.toUpperCase()}`,
    `0${number.toString(8)}`,
    fullWidth,
  )
}

const ipv4 = fc
  .array(fc.nat(255), { minLength: 0, maxLength: 3 })
  .chain((bytes) =>
    fc
      .tuple(...bytes.map(spelled), fc.nat(256 ** (4 - bytes.length) - 1).chain(spelled))
      .map((parts) => parts),
  )
  .chain((parts) => fc.constantFrom('.', '。', '．').map((dot) => parts.join(dot)))

t.test('G9: no spelling of an IP address is a tenant', async (t) => {
  const [suffix, port] = [fc.constantFrom('', '', '.'), fc.constantFrom('', ':80')]
  let addresses = 0
  const property = fc.property(ipv4, suffix, port, (address, suffix, port) => {
    const host = address + suffix
    if (/^\d+(\.\d+){3}$/.test(whatwgName(host) ?? '')) addresses += 1
    check(
      nameOrNull(() => parseHost(host + port)) === null,
      `the Host header ${quote(host + port)} is refused`,
    )
    check(nameOrNull(() => canonicalHostname(host)) === null, `the host name ${quote(host)} is refused`)
  })
  t.doesNotThrow(() => fc.assert(property, { seed: SEED, numRuns: 5000 }))
  t.ok(addresses > 4000, `${addresses} of them are addresses to the URL parser, too`)

  const ipv6 = fc.property(fc.ipV6(), port, (address, port) => {
    for (const host of [`[${address}]${port}`, `${address}${port}`, `[::ffff:${address}]`]) {
      check(nameOrNull(() => parseHost(host)) === null, `the Host header ${quote(host)} is refused`)
    }
  })
  t.doesNotThrow(() => fc.assert(ipv6, { seed: SEED, numRuns: 1000 }))
})

t.test(
  'G9: one odd byte makes another name of it, or none, and never one that is somebody else’s',
  async (t) => {
    const label = fc.constantFrom('acme', 'a', 'xn--bcher-kva', 'my_shop', '1st', 'a-b', 'n'.repeat(63))
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
    const odd = fc.oneof(
      fc.nat(0xff).map((byte) => String.fromCharCode(byte)),
      fc.nat(0xff).map((byte) => `%${byte.toString(16).padStart(2, '0')}`),
      fc.constantFrom(
        ':80',
        ':',
        ':080',
        ':65536',
        '..',
        '@',
        ', b',
        'xn--',
        '\u212a',
        '\u00ad',
        '｡',
        'ſ',
        '\ud83d',
      ),
    )
    let accepted = 0
    const property = fc.property(name, odd, fc.nat(), (name, odd, place) => {
      const at = place % (name.length + 1)
      const host = name.slice(0, at) + odd + name.slice(at)
      for (const parse of [parseHost, canonicalHostname]) {
        const read = nameOrNull(() => parse(host))
        if (read === null) continue
        accepted += 1
        check(read === whatwgName(host), `${quote(host)} is ${quote(whatwgName(host))}, not ${quote(read)}`)
        check(canonicalHostname(read) === read && parseHost(read) === read, `${quote(read)} stays as it is`)
        // Two equal names that were spelled otherwise: only by case, dot, port, and by what IDNA leaves out.
        if (read === name && parse === parseHost) {
          check(
            host.toLowerCase().replace(/\.?(:\d+)?$/, '') === name,
            `${quote(host)} spells ${quote(name)}`,
          )
        }
      }
    })
    t.doesNotThrow(() => fc.assert(property, { seed: SEED, numRuns: 10_000 }))
    t.ok(accepted > 2000, `${accepted} were accepted`)
  },
)

t.test('names of any length are told in a moment', async (t) => {
  const property = fc.property(
    fc.constantFrom('a', '.', 'a.', '-', 'xn--', '0', ':', '%61', 'ü', '。', '@', '\0'),
    fc.integer({ min: 1, max: 1_000_000 }),
    (unit, length) => {
      const host = unit.repeat(Math.ceil(length / unit.length))
      for (const parse of [parseHost, canonicalHostname]) {
        const name = nameOrNull(() => parse(host))
        check(name === null || name.length <= 253, 'what is accepted is no longer than DNS allows')
      }
    },
  )
  const began = performance.now()
  t.doesNotThrow(() => fc.assert(property, { seed: SEED, numRuns: 500 }))
  // Each of these was made in more time than it was read; a pattern that backtracks would take years.
  t.ok(performance.now() - began < 30_000)
})

t.test('G9: a request has a name only if all that it says of its host names that one', async (t) => {
  const host = fc.constantFrom(
    ...[
      'acme.test',
      'ACME.test',
      'acme.test.',
      'acme.test:80',
      'acme.test:8080',
      'other.test',
      'Other.test:80',
    ],
    ...[
      'acme.test,other.test',
      'user@acme.test',
      'acme.test@other.test',
      '',
      '127.0.0.1',
      '[::1]',
      'acme..test',
    ],
  )
  const some = fc.option(host, { nil: undefined })
  const scene = fc.record({
    hosts: fc.array(fc.tuple(fc.constantFrom('Host', 'host', 'HOST'), host), { maxLength: 2 }),
    authority: some,
    target: some,
    forwarded: fc.option(host, { nil: undefined, freq: 3 }),
    scheme: fc.constantFrom('http', 'HTTPS', 'ftp'),
  })
  let named = 0
  const property = fc.property(scene, ({ hosts, authority, target, forwarded, scheme }) => {
    const name = nameOrNull(() =>
      requestHostname(
        {
          // As Node does it: of several Host headers, the first.
          headers: { host: hosts[0]?.[1], ':authority': authority },
          rawHeaders: hosts.flat(),
          url: target === undefined ? '/' : `${scheme}://${target}/x`,
        },
        forwarded,
      ),
    )
    if (name === null) return
    named += 1
    check(hosts.length < 2, 'there is one Host header, or none')
    const said = [hosts[0]?.[1], authority, target].filter((each) => each !== undefined)
    if (forwarded === undefined) {
      for (const each of said) check(whatwgName(each) === name, `${quote(each)} is ${quote(name)}`)
    } else {
      check(whatwgName(forwarded) === name, `${quote(forwarded)} is ${quote(name)}`)
      const names = new Set(said.map((each) => whatwgName(each) ?? each))
      check(names.size < 2, 'Host, whatever it is, is the same wherever it is said')
    }
    check(!said.slice(1).some((each) => each.includes('@')), 'nothing has user info')
  })
  t.doesNotThrow(() => fc.assert(property, { seed: SEED, numRuns: 20_000 }))
  t.ok(named > 500, `${named} had a name`)
})

t.test('G9: a host that Node may have left out is not overlooked', async (t) => {
  const filler = Array.from({ length: 999 }, () => ['a', '']).flat()
  const request = (rawHeaders: string[]) => ({ headers: { host: 'acme.test' }, rawHeaders })
  t.equal(requestHostname(request(['Host', 'acme.test', ...filler.slice(2)])), 'acme.test')
  for (const forwarded of [undefined, 'acme.test']) {
    t.throws(() => requestHostname(request(['Host', 'acme.test', ...filler]), forwarded), {
      code: 'TENANTRY_ERR_HOST_INVALID',
      message: 'Expected fewer than 1000 headers, as one after them may name another host',
    })
  }
})

interface Owner {
  readonly id: string
  readonly hostnames: readonly string[]
}

t.test('G9: no host reaches another’s tenant, whatever the directory is told', async (t) => {
  const hosts = ['a.test', 'b.test', 'xn--bcher-kva.test', 'sub.a.test', 'a.test.b.test', 'all', '__proto__']
  const ids = ['one', 'two', 'all', '__proto__']
  const owners = fc.uniqueArray(fc.record({ id: fc.constantFrom(...ids), hostnames: fc.subarray(hosts) }), {
    selector: ({ id }) => id,
  })
  // Each lookup says whose the host is, or anything.
  const lies = fc.infiniteStream(fc.option(fc.constantFrom(...ids), { nil: undefined }))
  const asked = fc.array(fc.constantFrom(...hosts), { minLength: 1, maxLength: 8 })
  let served = 0
  let refused = 0

  const property = fc.asyncProperty(owners, lies, asked, async (owners, lies, asked) => {
    const tenants = new Map<string, Owner>(owners.map((owner) => [owner.id, owner]))
    const pool = new TenantPool<Owner>({ tokens: new MemoryTokenStore(), load: (id) => tenants.get(id) })
    const acquire = pool.byHost(
      hostDirectory<Owner>({
        lookup: () => lies.next().value as string | undefined,
        hostnamesOf: (owner) => owner.hostnames,
      }),
    )
    const outcomes = await Promise.allSettled(asked.map((host) => acquire(host)))
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected') {
        check(hasCode(outcome.reason, 'TENANTRY_ERR_TENANT_NOT_FOUND'), `${outcome.reason} is the refusal`)
        refused += 1
        continue
      }
      const { tenant } = outcome.value
      check(tenant.hostnames.includes(asked[index] as string), `${asked[index]} is a host of ${tenant.id}`)
      outcome.value.release()
      served += 1
    }
    check(pool.stats().leases === 0, 'no lease is left')
    await pool.close()
  })
  await t.resolves(fc.assert(property, { seed: SEED, numRuns: 200 }))
  t.ok(served > 50 && refused > 50, `${served} were served, ${refused} refused`)
})
