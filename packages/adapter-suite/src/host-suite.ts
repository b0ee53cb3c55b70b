import type { Test } from 'tap'
import type { Adapter, TrustProxy } from './adapter.ts'
import { outcome } from './outcome.ts'
import { ACME, openScene, type SceneOptions } from './scene.ts'
import { askRaw } from './wire.ts'

const BOOKS = 'xn--bcher-kva.test'
const NODE = { maxHeaderSize: 128 * 1024, requireHostHeader: false }

const ACME_SERVES = `served ${ACME}`
const REFUSED = '400 HOST_INVALID'
/** By Node itself, or by the adapter where a version of Node lets it through. */
export const REFUSED_EARLY: RegExp = /^(400 HOST_INVALID|(0|400|431) by Node)$/

/** Sends a request with these lines between the first and `Connection: close`. */
async function send(port: number, lines: string[], first = 'GET / HTTP/1.1'): Promise<string> {
  return outcome(await askRaw(port, [first, ...lines, 'Connection: close', '', ''].join('\r\n')))
}

/** G9: no request reaches a tenant that its Host does not name, whatever bytes it says that in. */
export function hostSuite(t: Test, adapter: Adapter): void {
  t.test(`${adapter.name}, G9: a Host header`, (t) => testHostHeader(t, adapter))
  t.test(`${adapter.name}, G9: more than one Host header, or none`, (t) => testHowMany(t, adapter))
  t.test(`${adapter.name}, G9: a target in absolute form`, (t) => testAbsoluteForm(t, adapter))
  t.test(`${adapter.name}, G9: X-Forwarded-Host counts where trustProxy says so, and only there`, (t) =>
    testForwardedHost(t, adapter),
  )
}

/** Answers every path with the id of the tenant. */
async function serveIds(t: Test, adapter: Adapter, options: SceneOptions = {}): Promise<number> {
  const { port } = await openScene(t, adapter, {
    http: NODE,
    ...options,
    routes: { '*': ({ tenant }) => `served ${tenant.id}` },
  })
  return port
}

async function testHostHeader(t: Test, adapter: Adapter): Promise<void> {
  const port = await serveIds(t, adapter)
  /** One character per byte, as the wire has it. */
  const utf8 = Buffer.from('bücher.test').toString('latin1')
  const cases: [expected: string | RegExp, values: string[]][] = [
    [
      ACME_SERVES,
      ['acme.test', 'ACME.Test', 'acme.test.', 'acme.test:80', 'acme.test.:65535', ' \t acme.test \t '],
    ],
    [`served ${BOOKS}`, [BOOKS, BOOKS.toUpperCase(), `${BOOKS}:8080`]],
    [
      '404 TENANT_NOT_FOUND',
      ['unknown.test', 'sub.acme.test', 'acme.test.unknown.test', 'acme_test', 'acme'],
    ],
    [
      REFUSED,
      [
        '',
        '.',
        ':80',
        'acme.test..',
        '.acme.test',
        'acme..test',
        '-acme.test',
        'acme-.test',
        'acme.test:',
        'acme.test:0',
        'acme.test:65536',
        'acme.test:80:80',
        'acme.test:http',
        'acme.test:+80',
        utf8,
        'b\xfccher.test',
        'b%C3%BCcher.test',
        'xn--.test',
        'xn--bcher-kva-.test',
        'xn--a.test',
        '[::1]',
        '[::1]:80',
        '::1',
        '[::ffff:127.0.0.1]',
        '127.0.0.1',
        '127.0.0.1:80',
        '127.1',
        '2130706433',
        '0x7f.0.0.1',
        '[acme.test]',
        'acme.test, other.test',
        'acme.test,acme.test',
        'acme.test;other.test',
        'user@acme.test',
        'user:password@acme.test',
        'acme.test@other.test',
        'http://acme.test',
        'acme.test/',
        'acme.test\\',
        'acme.test?x',
        'acme.test#x',
        '*.test',
        'acme%2etest',
        'acme.test other.test',
        'acme\ttest',
        'acme.test :80',
        'acme.test: 80',
        `${'a'.repeat(64)}.test`,
        'a.'.repeat(128),
        'a'.repeat(64 * 1024),
      ],
    ],
    [
      REFUSED_EARLY,
      ['acme.test\0', 'acme.test\x01', '\x7facme.test', 'acme\vtest', 'acme.test\x1b[0m', 'acme.test\r'],
    ],
  ]
  for (const [expected, hosts] of cases) {
    for (const host of hosts) {
      t.match(await send(port, [`Host: ${host}`]), expected, JSON.stringify(host.slice(0, 80)))
    }
  }
  t.equal(await send(port, ['hOsT:acme.test']), ACME_SERVES, 'whatever its name looks like')

  const narrow = await serveIds(t, adapter, { http: {} })
  t.equal(await send(narrow, [`Host: ${'a'.repeat(64 * 1024)}`]), '431 by Node', '64 KiB')
}

async function testHowMany(t: Test, adapter: Adapter): Promise<void> {
  const port = await serveIds(t, adapter)
  const cases: [lines: string[], first: string, expected: string | RegExp][] = [
    [['Host: acme.test', 'Host: other.test'], 'GET / HTTP/1.1', REFUSED],
    [['Host: acme.test', 'Host: acme.test'], 'GET / HTTP/1.1', REFUSED],
    [['Host: acme.test', 'hOST: acme.test'], 'GET / HTTP/1.0', REFUSED],
    [['Host:', 'Host: acme.test'], 'GET / HTTP/1.1', REFUSED],
    [['Host: acme.test', ' other.test'], 'GET / HTTP/1.1', REFUSED_EARLY],
    [['Host:', ' acme.test'], 'GET / HTTP/1.1', REFUSED_EARLY],
    [['X-Folded: a', '\tHost: other.test', 'Host: acme.test'], 'GET / HTTP/1.1', REFUSED_EARLY],
    [['Host : acme.test'], 'GET / HTTP/1.1', REFUSED_EARLY],
    [[' Host: acme.test'], 'GET / HTTP/1.1', REFUSED_EARLY],
    [[], 'GET / HTTP/1.1', REFUSED],
    [[], 'GET / HTTP/1.0', REFUSED],
    [['Host: acme.test'], 'GET / HTTP/1.0', ACME_SERVES],
  ]
  for (const [lines, first, expected] of cases) {
    t.match(await send(port, lines, first), expected, [first, ...lines].join(' | '))
  }

  const strict = await serveIds(t, adapter, { http: {} })
  t.match(await send(strict, []), REFUSED_EARLY)
  t.equal(await send(strict, [], 'GET / HTTP/1.0'), REFUSED)
}

async function testAbsoluteForm(t: Test, adapter: Adapter): Promise<void> {
  const port = await serveIds(t, adapter)
  const cases: [expected: string | RegExp, values: string[]][] = [
    [
      ACME_SERVES,
      [
        'http://acme.test/',
        'HTTP://ACME.test.:80/path?x',
        'https://acme.test',
        '//other.test/',
        '/http://x/',
      ],
    ],
    [
      REFUSED,
      [
        'http://other.test/',
        'http://acme.test.other.test/',
        'http://acme.test@other.test/',
        'http://[::1]/',
        'http://user@acme.test/',
        'http://user:password@acme.test/',
        'http://acme.test,other.test/',
        'ftp://other.test/',
      ],
    ],
    [REFUSED_EARLY, ['http:///acme.test', 'http://acme.test:http/']],
  ]
  for (const [expected, targets] of cases) {
    for (const target of targets) {
      t.match(await send(port, ['Host: acme.test'], `GET ${target} HTTP/1.1`), expected, target)
    }
  }
  t.equal(await send(port, [], 'GET http://acme.test/ HTTP/1.0'), REFUSED, 'without Host')
}

async function testForwardedHost(t: Test, adapter: Adapter): Promise<void> {
  const trusting: TrustProxy[] = [
    true,
    '127.0.0.1',
    ['10.0.0.1', '127.0.0.0/8'],
    (address: string) => address === '127.0.0.1',
  ]
  const distrusting: TrustProxy[] = [false, '10.0.0.1', () => false]

  for (const trustProxy of trusting) {
    await t.test(`trustProxy: ${trustProxy}`, async (t) => {
      const port = await serveIds(t, adapter, { trustProxy })
      const cases: [lines: string[], expected: string | RegExp][] = [
        [['Host: other.test', 'X-Forwarded-Host: acme.test'], ACME_SERVES],
        [['Host: 10.0.0.7:3000', 'X-Forwarded-Host: ACME.test.:443'], ACME_SERVES],
        [['Host: acme.test'], ACME_SERVES],
        [['Host: acme.test', 'X-Forwarded-Host:'], ACME_SERVES],
        [['Host: acme.test', 'X-Forwarded-Host: acme.test'], ACME_SERVES],
        [['Host: acme.test', 'X-Forwarded-Host: unknown.test'], '404 TENANT_NOT_FOUND'],
        [['Host: acme.test', 'X-Forwarded-Host: other.test, unknown.test'], REFUSED],
        [['Host: acme.test', 'X-Forwarded-Host: acme.test, other.test'], REFUSED],
        [['Host: acme.test', 'X-Forwarded-Host: other.test', 'X-Forwarded-Host: other.test'], REFUSED],
        [['Host: acme.test', 'X-Forwarded-Host: ,'], REFUSED],
        [['Host: acme.test', 'X-Forwarded-Host: user@other.test'], REFUSED],
        [['Host: acme.test', 'X-Forwarded-Host: [::1]'], REFUSED],
        [['Host: acme.test', 'Host: acme.test', 'X-Forwarded-Host: other.test'], REFUSED],
      ]
      for (const [lines, expected] of cases) t.match(await send(port, lines), expected, lines.join(' | '))
      t.equal(
        await send(port, ['X-Forwarded-Host: acme.test'], 'GET / HTTP/1.0'),
        ACME_SERVES,
        'without Host',
      )
    })
  }

  for (const trustProxy of distrusting) {
    await t.test(`trustProxy: ${trustProxy}`, async (t) => {
      const port = await serveIds(t, adapter, { trustProxy })
      for (const forwarded of ['other.test', 'acme.test, other.test', 'not/valid', '']) {
        t.equal(
          await send(port, ['Host: acme.test', `X-Forwarded-Host: ${forwarded}`]),
          ACME_SERVES,
          forwarded,
        )
      }
      t.equal(await send(port, ['X-Forwarded-Host: acme.test'], 'GET / HTTP/1.0'), REFUSED, 'without Host')
    })
  }
}
