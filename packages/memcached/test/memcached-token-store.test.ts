import { once } from 'node:events'
import { type AddressInfo, connect, createServer as createNetServer } from 'node:net'
import { pipeline } from 'node:stream'
import { type ConnectionOptions, createServer } from 'node:tls'
import { inspect } from 'node:util'
import { tenantKey } from '@tenantry/core'
import { startMemcached, startProcess, startTcpProxy } from '@tenantry/testing'
import t from 'tap'
import { expirySeconds } from '../src/expiry-seconds.ts'
import { MemcachedTokenStore, type MemcachedTokenStoreOptions } from '../src/index.ts'
import { keyName } from '../src/key-name.ts'
import { serverOf } from '../src/server-of.ts'
import { suiteOnMemcached } from './suite-on-memcached.ts'

const servers = [await startMemcached(), await startMemcached(), await startMemcached()] as const
const [memcached] = servers
t.teardown(() => Promise.all(servers.map((server) => server.stop())))

t.test('the contract, on one server', async (t) => {
  suiteOnMemcached([memcached], 'tenantry:', {
    test: (name, run) => t.test(name, run),
    create: () => new MemcachedTokenStore(memcached.address),
  })
})

t.test('the contract, on three servers', async (t) => {
  suiteOnMemcached(servers, 'three:', {
    test: (name, run) => t.test(name, run),
    create: () =>
      new MemcachedTokenStore(
        servers.map(({ address }) => address),
        { prefix: 'three:' },
      ),
  })
})

t.test('where the tokens are', async (t) => {
  const store = new MemcachedTokenStore(memcached.address)
  t.teardown(() => store.close())

  t.test('at keys under the prefix, as plain values without flags', async (t) => {
    await store.write('tenant:acme', 'token-1')
    t.equal(
      await memcached.ask('get tenantry:tenant:acme'),
      'VALUE tenantry:tenant:acme 0 7\r\ntoken-1\r\nEND',
    )
    await memcached.ask('set tenantry:tenant:acme 0 0 11\r\nset-by-hand')
    t.same(await store.read(['tenant:acme']), ['set-by-hand'])
  })

  t.test('under another prefix, if one is wanted', async (t) => {
    for (const prefix of ['app-7/', '', 'p'.repeat(200)]) {
      const other = new MemcachedTokenStore(memcached.address, { prefix })
      t.teardown(() => other.close())
      await other.write('tenant:elsewhere', 'there')
      t.match(await memcached.ask(`mg ${prefix}tenant:elsewhere v`), /^VA 5/)
    }
    t.same(await store.read(['tenant:elsewhere']), [null])
  })

  t.test('under a hash, where the id is too long for Memcached', async (t) => {
    const key = tenantKey('ü'.repeat(120))
    await store.write(key, 'of the long one')
    t.same(await store.read([key, tenantKey('ü'.repeat(121))]), ['of the long one', null])
    t.match(await memcached.ask(`mg ${keyName('tenantry:', key)} v`), /\nof the long one$/)
    t.match(keyName('tenantry:', key), /^tenantry:#[\w-]{43}$/)
  })

  t.test('all and all-hosts do not expire, be they written or claimed', async (t) => {
    await memcached.ask('delete tenantry:all')
    await memcached.ask('delete tenantry:all-hosts')
    await store.write('all', 'written')
    t.equal(await store.claim('all-hosts', () => 'claimed'), 'claimed')
    await store.touch(['all', 'all-hosts'])
    t.equal(await memcached.ask('mg tenantry:all t'), 'HD t-1')
    t.equal(await memcached.ask('mg tenantry:all-hosts t'), 'HD t-1')
  })

  t.test('a read is one command, however many keys', async (t) => {
    const proxy = await startTcpProxy({ to: memcached.port })
    t.teardown(() => proxy.close())
    const proxied = new MemcachedTokenStore(`127.0.0.1:${proxy.port}`)
    t.teardown(() => proxied.close())
    await proxied.read(['all', 'tenant:acme', 'tenant:absent'])
    t.equal(proxy.received, 'get tenantry:all tenantry:tenant:acme tenantry:tenant:absent\r\n')
  })

  t.test('ten thousand keys of the longest kind are read at once', async (t) => {
    const keys = Array.from({ length: 10_000 }, (_, index) => tenantKey(`${index}-`.padEnd(230, 'x')))
    const last = keys.at(-1) as string
    await store.write(last, 'the last one')
    const answers = await store.read(keys)
    t.equal(answers.length, 10_000)
    t.same(answers.slice(-2), [null, 'the last one'])
  })
})

t.test('what is no token', async (t) => {
  const store = new MemcachedTokenStore(memcached.address)
  t.teardown(() => store.close())

  t.test('fails its key and no other, whatever its flags promise', async (t) => {
    const foreign = [
      '1 0 4\r\ngzip',
      '2 0 8\r\nnot JSON',
      '2 0 6\r\n"JSON"',
      '4 0 1\r\n7',
      '8 0 3\r\nraw',
      '16 0 3\r\nint',
    ]
    const keys = foreign.map((_, index) => tenantKey(`foreign-${index}`))
    for (const [index, value] of foreign.entries())
      await memcached.ask(`set tenantry:${keys[index]} ${value}`)
    await store.write('tenant:token', 'token')
    const answers = await store.read([...keys, 'tenant:token', 'tenant:absent'])
    t.same(answers.slice(-2), ['token', null])
    for (const [index, key] of keys.entries()) {
      t.equal((answers[index] as Error).message, `There is no token at tenantry:${key}`)
      await t.rejects(
        store.claim(key, () => 'claimed'),
        { message: `There is no token at tenantry:${key}` },
      )
    }
  })
})

t.test('keys that every object has are as absent as others, and can be written', async (t) => {
  const store = new MemcachedTokenStore(memcached.address, { prefix: '' })
  t.teardown(() => store.close())
  const keys = ['constructor', '__proto__', 'toString', '']
  t.same(await store.read(keys), [null, null, null, null])
  for (const key of keys) await store.write(key, `token of ${key}`)
  t.same(
    await store.read(keys),
    keys.map((key) => `token of ${key}`),
  )
})

t.test('another kind of server is not taken for one that holds nothing', async (t) => {
  for (const reply of ['$-1', ':0', 'STORED', 'VERSION 7', 'STAT x 1\r\nOK']) {
    const server = createNetServer((socket) => socket.on('data', () => socket.write(`${reply}\r\n`)))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const store = new MemcachedTokenStore(address)
    await t.rejects(store.read(['all']), {
      message: `Memcached at ${address} did not answer: what did is no Memcached`,
    })
    await t.rejects(store.read(['all', 'tenant:acme']), { message: /is no Memcached$/ })
    store.close()
  }
})

t.test('through TLS', async (t) => {
  // Keys that both sides know, since there is no certificate that would not expire one day.
  const psk = Buffer.from('for this test only')
  const ciphers = 'PSK+AES128'
  const server = createServer({ ciphers, maxVersion: 'TLSv1.2', pskCallback: () => psk, pskIdentityHint: '' })
  const passed: string[] = []
  server.on('secureConnection', (client) => {
    const upstream = connect(memcached.port, '127.0.0.1')
    client.on('data', (data) => passed.push(`${data}`))
    pipeline(client, upstream, client, () => undefined)
  })
  server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const open = (tls?: ConnectionOptions) => {
    const store = new MemcachedTokenStore(address, { prefix: 'tls:', ...(tls && { tls }) })
    t.teardown(() => store.close())
    return store
  }

  t.test('tokens are written and read', async (t) => {
    const pskCallback = () => ({ psk, identity: 'replica' })
    const store = open({ ciphers, maxVersion: 'TLSv1.2', pskCallback, checkServerIdentity: () => undefined })
    await store.write('tenant:acme', 'token')
    t.same(await store.read(['tenant:acme']), ['token'])
    t.match(passed.join(''), /^set tls:tenant:acme 0 \d+ 5\r\ntoken\r\nget tls:tenant:acme\r\n$/)
  })

  t.test('nothing is sent to a server that cannot prove itself, nor in the clear', async (t) => {
    passed.length = 0
    await t.rejects(open({}).write('tenant:acme', 'secret'), { message: /did not answer: socket/ })
    await t.rejects(open().write('tenant:acme', 'secret'), { message: /did not answer/ })
    t.same(passed, [])
  })
})

t.test('the names of keys', async (t) => {
  t.test('are ones that Memcached takes, and no two keys share one', async (t) => {
    t.not(keyName('x:', '\ud800'), keyName('x:', '\ud801'))
    t.not(keyName('x:', '\ud800'), keyName('x:', '\ufffd'))
    for (const key of ['', '__proto__']) t.match(keyName('', key), /^#[\w-]{43}$/)
    const prefix = 'tenantry:'
    const room = 250 - prefix.length
    const long = ['x'.repeat(room - 1), 'x'.repeat(room), 'x'.repeat(room + 1), `${'x'.repeat(room)}y`]
    const plain = ['', 'all', 'all-hosts', 'tenant:acme', 'tenant:%20', '"', '~', ...long]
    const odd = [
      ' ',
      'a b',
      'a\tb',
      'a\nb',
      'a\r\nb',
      '\0',
      '\x7f',
      'ü',
      'u\u0308',
      '🎈',
      '\u2028',
      '\ud800',
      '\udc00',
      '\ufffd',
      '#',
      '##',
    ]
    const keys = new Set([...plain, ...odd, ...odd.map((key) => `tenant:${key}`)])
    // What looks like a name of another key is a key, too; and so on.
    for (let round = 0; round < 3; round += 1) {
      for (const key of [...keys]) {
        const name = keyName(prefix, key)
        for (const imitation of [name, name.slice(prefix.length)]) keys.add(imitation)
      }
    }
    const names = [...keys].map((key) => keyName(prefix, key))
    t.ok(keys.size > 100)
    t.equal(new Set(names).size, keys.size)
    t.same(
      names.filter((name) => !/^tenantry:[\x21-\x7e]*$/.test(name) || name.length > 250),
      [],
    )
    t.equal(keyName(prefix, 'tenant:acme'), 'tenantry:tenant:acme')
    t.equal(keyName(prefix, long[1] as string).length, 250)
    t.match(keyName(prefix, long[2] as string), /^tenantry:#/)
  })

  t.test(
    'lead to one server, whatever the order of the list; and only what is a new server’s moves there',
    async (t) => {
      const list = ['a:1', 'b:1', 'c:1'].map((address) => ({ address }))
      const names = Array.from({ length: 3000 }, (_, index) => `tenantry:tenant:${index}`)
      const homes = names.map((name) => serverOf(list, name).address)
      t.same(
        names.map((name) => serverOf(list.toReversed(), name).address),
        homes,
      )
      for (const { address } of list) {
        const share = homes.filter((home) => home === address).length
        t.ok(share > 900 && share < 1100, `${address} holds ${share} of 3000`)
      }
      const added = names.map((name) => serverOf([...list, { address: 'd:1' }], name).address)
      t.ok(added.every((home, index) => home === 'd:1' || home === homes[index]))
      const moved = added.filter((home) => home === 'd:1').length
      t.ok(moved > 600 && moved < 900, `${moved} of 3000 have moved`)
    },
  )
})

t.test('lifetimes are told in whole seconds, and none that Memcached would take for a date', async (t) => {
  const thirtyDays = 30 * 24 * 60 * 60
  t.equal(expirySeconds(undefined), 0)
  t.equal(expirySeconds(0.5), 1)
  t.equal(expirySeconds(1000), 1)
  t.equal(expirySeconds(1001), 2)
  t.equal(expirySeconds(thirtyDays * 1000), thirtyDays)
  for (const lifetime of [thirtyDays * 1000 + 1, Number.POSITIVE_INFINITY, Number.NaN, 0, -1]) {
    t.throws(() => expirySeconds(lifetime), {
      code: 'TENANTRY_ERR_OPTIONS_INVALID',
      message: `Expected a lifetime of more than 0 and at most 2592000000 ms (30 days), got ${lifetime} ms`,
    })
  }
})

t.test(
  'nothing keeps the process from ending when the store is closed, be Memcached stopped or not',
  async (t) => {
    const script = new URL('fixtures/read-and-close.js', import.meta.url).pathname
    t.teardown(() => memcached.resume())
    await memcached.ask('delete tenantry:all')
    for (const answer of [[null], `Memcached at ${memcached.address} did not answer within 1000 ms`]) {
      const ended = await startProcess(process.execPath, [script, memcached.address])
      t.equal(await ended.exit, 0)
      const told = JSON.parse(ended.lines.join('\n'))
      t.same(told.answer, answer)
      t.ok(told.lingeredMs < 1000, `ended after ${told.lingeredMs} ms`)
      memcached.pause()
    }
  },
)

t.test('nor does a client whose promises are late, as bluebird’s are', async (t) => {
  const script = new URL('fixtures/close-while-connecting.js', import.meta.url).pathname
  const NODE_PATH = new URL('fixtures/late-promises', import.meta.url).pathname
  memcached.resume()
  const ended = await startProcess(process.execPath, [script, memcached.address], { env: { NODE_PATH } })
  t.equal(await ended.exit, 0)
  const told = JSON.parse(ended.lines.join('\n'))
  t.equal(told.answer, 'This store is closed')
  t.ok(told.lingeredMs < 1000, `ended after ${told.lingeredMs} ms`)
})

t.test('the constructor', async (t) => {
  t.test('refuses what it cannot use, and says what it got, but no password', async (t) => {
    const secret = 's3cret'
    const refused: [servers: unknown, options: unknown, message: RegExp][] = [
      [undefined, undefined, /^Expected each server to be "host" or "host:port".*, got undefined$/],
      [null, undefined, /got null$/],
      [11211, undefined, /got 11211$/],
      [[], undefined, /got an empty array$/],
      ['', undefined, /got ""$/],
      [['a', 'b:'], undefined, /got "b:"$/],
      ['a:0', undefined, /got "a:0"$/],
      ['a:65536', undefined, /got "a:65536"$/],
      ['[::1]:11211', undefined, /got "\[::1\]:11211"$/],
      [['a', 'b', 'A:11211'], undefined, /got a:11211 twice$/],
      [`memcached://user:${secret}@host:11211`, undefined, /got a string with other characters$/],
      ['a:11211,b:11211', undefined, /got a string with other characters$/],
      ['11211', undefined, /got "11211"$/],
      ...['...', '-', 'a..b', '.a', 'a-', '127.1', '256.1.1.1'].map(
        (name) => [name, undefined, /got "[\w.-]+"$/] as [unknown, unknown, RegExp],
      ),
      [Symbol('name'), undefined, /got Symbol\(name\)$/],
      [() => secret, undefined, /got a function$/],
      [[Object.create(null)], undefined, /got an object$/],
      ['a', null, /^Expected the options to be an object, or to be left out, got null$/],
      ['a', secret, /got a string$/],
      ['a', { tls: false }, /^Expected tls to be an object, or to be left out, got false$/],
      ['a', { tls: true }, /got true$/],
      ['a', { tls: null }, /got null$/],
      ['a', { tls: 0 }, /got 0$/],
      ['a', { tls: secret }, /got a string$/],
      ['a', { tls: [] }, /got an empty array$/],
      ['a', { prefix: Symbol('name') }, /got Symbol\(name\)$/],
      ['a', { prefix: Object.create(null) }, /got an object$/],
      ['a', { commandTimeoutMs: Symbol('name') }, /got Symbol\(name\)$/],
      ['a', { commandTimeoutMs: Object.create(null) }, /got an object$/],
      ['a', { prefix: [] }, /got an empty array$/],
      ['a', { prefix: ['a'] }, /got an array$/],
      ['a', { prefix: 7 }, /^Expected prefix to be a string of at most 200 .*, got 7$/],
      ['a', { prefix: 'a b' }, /got "a b"$/],
      ['a', { prefix: 'ü' }, /got "ü"$/],
      ['a', { prefix: 'p'.repeat(201) }, /got "p{201}"$/],
      ['a', { commandTimeoutMs: 0 }, /^Expected commandTimeoutMs to be a number from 1 to 60000, got 0$/],
      ['a', { commandTimeoutMs: '100' }, /got "100"$/],
      ['a', { commandTimeoutMs: Number.NaN }, /got NaN$/],
      ['a', { commandTimeoutMs: 60_001 }, /got 60001$/],
    ]
    for (const [given, options, message] of refused) {
      const construct = () => new MemcachedTokenStore(given as string, options as MemcachedTokenStoreOptions)
      t.throws(construct, { code: 'TENANTRY_ERR_OPTIONS_INVALID', message }, String(message))
      try {
        construct()
      } catch (error) {
        t.notMatch(inspect(error), secret)
      }
    }
  })

  t.test('takes one server or several, and nothing else, as types', async () => {
    const accepts = (_: () => MemcachedTokenStore) => undefined
    accepts(() => new MemcachedTokenStore('localhost'))
    accepts(() => new MemcachedTokenStore(['cache-1', 'cache-2:11212'] as const, { prefix: 'x:', tls: {} }))
    // @ts-expect-error: a port alone
    accepts(() => new MemcachedTokenStore(11211))
    // @ts-expect-error: no such option
    accepts(() => new MemcachedTokenStore('localhost', { keyPrefix: 'x:' }))
    // @ts-expect-error: nothing
    accepts(() => new MemcachedTokenStore())
  })
})
