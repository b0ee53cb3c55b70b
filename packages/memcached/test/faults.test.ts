import dns, { type LookupOptions } from 'node:dns'
import { once } from 'node:events'
import { type AddressInfo, createServer, isIPv4 } from 'node:net'
import { newToken, TenantPool, type TokenStore } from '@tenantry/core'
import { eventually, type MemcachedServer, startMemcached, startTcpProxy } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { MemcachedTokenStore, type MemcachedTokenStoreOptions } from '../src/index.ts'
import { lookup } from './fixtures/lookup.ts'

const memcached = await startMemcached()
t.teardown(() => memcached.stop())

function open(
  t: Test,
  servers: string | string[],
  options?: MemcachedTokenStoreOptions,
): MemcachedTokenStore {
  const store = new MemcachedTokenStore(servers, options)
  t.teardown(() => store.close())
  return store
}

async function proxied(t: Test) {
  const proxy = await startTcpProxy({ to: memcached.port })
  t.teardown(() => proxy.close())
  return { proxy, store: open(t, `127.0.0.1:${proxy.port}`) }
}

/** A server that accepts connections, and answers nothing. */
async function acceptor(t: Test) {
  const sockets: { received: string; ended: boolean }[] = []
  const server = createServer((socket) => {
    const seen = { received: '', ended: false }
    sockets.push(seen)
    socket.on('data', (data) => {
      seen.received += data
    })
    socket.on('close', () => {
      seen.ended = true
    })
    socket.on('error', () => undefined)
    t.teardown(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  return { sockets, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** The first look-up that the test makes is answered when what is returned is called; later ones at once. */
function heldLookup(t: Test): () => void {
  let found: (() => void) | undefined
  const original = dns.lookup
  t.teardown(() => {
    dns.lookup = original
  })
  dns.lookup = ((host: string, options: LookupOptions, callback: (...args: unknown[]) => void) => {
    if (isIPv4(host)) return original(host, options, callback as never)
    const one = options.all ? [[{ address: '127.0.0.1', family: 4 }]] : ['127.0.0.1', 4]
    const answer = () => callback(null, ...one)
    if (found === undefined) found = answer
    else answer()
  }) as typeof dns.lookup
  return () => found?.()
}

/** How long `operation` takes, in milliseconds. */
async function timed(operation: Promise<unknown>): Promise<number> {
  const start = performance.now()
  await operation.catch(() => undefined)
  return performance.now() - start
}

/** Asks until there is an answer. */
function answer(store: TokenStore, ...keys: string[]) {
  return eventually(async () => [...(await store.read(keys))], { timeoutMs: 10_000 })
}

function set(server: MemcachedServer, key: string, token: string): Promise<string> {
  return server.ask(`set tenantry:${key} 0 0 ${token.length}\r\n${token}`)
}

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1
}

t.test('R5: what was under way when the connection closed is not sent again', async (t) => {
  const { proxy, store } = await proxied(t)
  for (const [name, begin] of [
    ['write', (token: string) => store.write('tenant:acme', token)],
    ['claim', (token: string) => store.claim('tenant:absent', () => token)],
  ] as const) {
    await memcached.ask('delete tenantry:tenant:absent')
    await answer(store, 'tenant:acme')
    proxy.swallowAnswers()
    const token = `token-of-${name}`
    const operation: Promise<unknown> = begin(token)
    operation.catch(() => undefined)
    await eventually(() => proxy.received.includes(token))
    // The restart that a value sent twice would undo.
    await set(memcached, 'tenant:acme', 'newer')
    await set(memcached, 'tenant:absent', 'newer')
    proxy.cut()
    await t.rejects(operation, { message: /^Memcached at [\d.:]+ did not answer: socket / })
    t.same(await answer(store, 'tenant:acme', 'tenant:absent'), ['newer', 'newer'])
    t.equal(occurrences(proxy.received, token), 1, `the token of the ${name} has passed once`)
  }

  t.test('a touch writes no value, so it is of no matter whether it arrived', async (t) => {
    await store.write('tenant:touched', 'token-that-is-touched')
    proxy.swallowAnswers()
    const touch = store.touch(['tenant:touched'])
    touch.catch(() => undefined)
    await eventually(() => /touch tenantry:tenant:touched \d+\r\n$/.test(proxy.received))
    proxy.cut()
    await t.rejects(touch)
    t.equal(occurrences(proxy.received, 'token-that-is-touched'), 1)
  })
})

t.test(
  'R5: what was given up may be carried out late, but once, and what is written then stays',
  async (t) => {
    const proxy = await startTcpProxy({ to: memcached.port })
    t.teardown(() => proxy.close())
    const store = open(t, `127.0.0.1:${proxy.port}`, { commandTimeoutMs: 200 })
    await store.write('tenant:late', 'before')
    memcached.pause()
    t.teardown(() => memcached.resume())
    await t.rejects(store.write('tenant:late', 'given-up'), { message: /within 200 ms$/ })
    memcached.resume()
    await eventually(async () => (await memcached.ask('mg tenantry:tenant:late v')).endsWith('given-up'))
    await answer(store, 'tenant:late')
    await store.write('tenant:late', 'after')
    t.same(await store.read(['tenant:late']), ['after'])
    t.equal(occurrences(proxy.received, 'given-up'), 1)
  },
)

t.test('a connection', async (t) => {
  t.test('is waited for by what is asked for before it is up', async (t) => {
    const store = open(t, memcached.address)
    const first = [store.write('tenant:first', 'token'), store.read(['all']), store.touch(['tenant:first'])]
    await Promise.all(first)
    t.same(await store.read(['tenant:first']), ['token'])
  })

  t.test('that is refused fails what needs it, which is not sent later', async (t) => {
    const late = await startMemcached()
    t.teardown(() => late.stop())
    await late.kill()
    const store = open(t, late.address)
    const refused = { message: /did not answer: ECONNREFUSED$/, cause: { code: 'ECONNREFUSED' } }
    await t.rejects(store.write('tenant:late', 'token'), refused)
    await t.rejects(store.read(['tenant:late']), refused)
    await late.restart()
    t.same(await store.read(['tenant:late']), [null])
  })

  t.test('that the server does not take is told', async (t) => {
    const full = await startMemcached({ args: ['-t', '1', '-c', '30'] })
    t.teardown(() => full.stop())
    const others = Array.from({ length: 40 }, () => open(t, full.address))
    const outcomes = await Promise.allSettled(others.map((store) => store.read(['all'])))
    const refused = outcomes.find(({ status }) => status === 'rejected')
    t.match(refused, {
      reason: { message: /answered ERROR Too many open connections|did not answer: socket/ },
    })
  })

  t.test('that has gone silent is replaced, an idle one is not', async (t) => {
    const proxy = await startTcpProxy({ to: memcached.port })
    t.teardown(() => proxy.close())
    const store = open(t, `127.0.0.1:${proxy.port}`, { commandTimeoutMs: 500 })
    await answer(store, 'all')
    await answer(store, 'all')
    t.equal(proxy.connections, 1)
    proxy.swallowEverything()
    await t.rejects(store.read(['all']), { message: /within 500 ms$/ })
    await answer(store, 'all')
    t.equal(proxy.connections, 2)
  })
})

t.test('an event loop that was held up', async (t) => {
  const holdUp = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)

  t.test('misses no answer that has come meanwhile', async (t) => {
    const store = open(t, memcached.address, { commandTimeoutMs: 500 })
    await store.write('tenant:acme', 'token')
    const read = store.read(['tenant:acme'])
    holdUp()
    t.same(await read, ['token'])
  })

  t.test('has time left to connect in, by address or by name', async (t) => {
    await set(memcached, 'tenant:acme', 'token')
    for (const host of ['127.0.0.1', 'localhost']) {
      const store = open(t, `${host}:${memcached.port}`, { commandTimeoutMs: 500 })
      const read = store.read(['tenant:acme'])
      const claim = store.claim('tenant:acme', () => 'claimed')
      holdUp()
      t.same(await read, ['token'])
      t.equal(await claim, 'token')
    }
  })
})

t.test('G1: a name', async (t) => {
  const write = (t: Test, port = memcached.port) =>
    open(t, `cache.test:${port}`).write('tenant:named', 'token')

  t.test('that leads to several servers is refused, before anything is sent to one of them', async (t) => {
    const { proxy } = await proxied(t)
    for (const list of [
      ['127.0.0.1', '127.0.0.2'],
      ['::1', '127.0.0.1', '::2'],
    ]) {
      lookup(t, 'cache.test', list)
      await t.rejects(write(t, proxy.port), {
        message:
          /^Memcached at cache\.test:\d+ did not answer: the name has several addresses \([\d.:, ]+\); name each/,
      })
    }
    t.equal(proxy.connections, 0)
  })

  t.test('that comes to lead to another one while it is connected to is refused, too', async (t) => {
    const { proxy } = await proxied(t)
    lookup(t, 'cache.test', ['127.0.0.2'], ['127.0.0.1'])
    await t.rejects(write(t, proxy.port), {
      message: /did not answer: 127\.0\.0\.1 was connected to, and not 127\.0\.0\.2$/,
    })
    t.equal(proxy.received, '')
  })

  t.test('may have an IPv4 and an IPv6 address, and each of them several times', async (t) => {
    lookup(t, 'cache.test', ['127.0.0.1', '::1', '127.0.0.1'])
    await write(t)
    t.equal(
      await memcached.ask('get tenantry:tenant:named'),
      'VALUE tenantry:tenant:named 0 5\r\ntoken\r\nEND',
    )
  })

  t.test('is looked up for each connection anew', async (t) => {
    const { proxy } = await proxied(t)
    lookup(t, 'cache.test', ['127.0.0.1'], ['127.0.0.1'], ['127.0.0.1', '127.0.0.2'])
    const store = open(t, `cache.test:${proxy.port}`)
    await store.read(['all'])
    await store.read(['all'])
    t.equal(proxy.connections, 1)
    proxy.cut()
    const refused = () => store.read(['all']).catch((error: Error) => /several addresses/.test(error.message))
    await eventually(async () => (await refused()) === true, { timeoutMs: 10_000 })
    t.equal(proxy.connections, 1)
  })

  t.test('that leads nowhere fails what is asked of it', async (t) => {
    lookup(
      t,
      'cache.test',
      Object.assign(new Error('getaddrinfo ENOTFOUND cache.test'), { code: 'ENOTFOUND' }),
    )
    await t.rejects(write(t), { message: /did not answer: ENOTFOUND$/, cause: { code: 'ENOTFOUND' } })
  })
})

t.test('Memcached is stopped (SIGSTOP)', async (t) => {
  t.test('one operation waits for it, later ones reject at once, until it goes on', async (t) => {
    const limit = 1000
    const store = open(t, memcached.address, { commandTimeoutMs: limit })
    await store.write('tenant:paused', 'token')
    memcached.pause()
    t.teardown(() => memcached.resume())
    const silent = { message: `Memcached at ${memcached.address} did not answer within ${limit} ms` }
    const first = timed(t.rejects(store.read(['tenant:paused']), silent))
    t.ok((await first) >= limit - 10)
    const later = async () => {
      for (let times = 0; times < 20; times += 1) await t.rejects(store.read(['tenant:paused']), silent)
    }
    const taken = await timed(later())
    t.ok(taken < 5 * limit, `twenty reads reject within ${taken} ms`)
    memcached.resume()
    t.same(await answer(store, 'tenant:paused'), ['token'])
  })

  t.test('and is gone then: it is asked for until it is back', async (t) => {
    const server = await startMemcached()
    t.teardown(() => server.stop())
    const store = open(t, server.address, { commandTimeoutMs: 200 })
    await store.write('tenant:acme', 'lost')
    server.pause()
    await t.rejects(store.read(['tenant:acme']), { message: /within 200 ms$/ })
    await server.kill()
    const refused = () =>
      store.read(['tenant:acme']).catch((error: Error) => /ECONNREFUSED/.test(error.message))
    await eventually(async () => (await refused()) === true, { timeoutMs: 10_000 })
    await server.restart()
    t.same(await answer(store, 'tenant:acme'), [null])
  })

  t.test('what else was under way ends with the first that was not answered', async (t) => {
    const store = open(t, memcached.address)
    await store.read(['all'])
    memcached.pause()
    t.teardown(() => memcached.resume())
    const operations = [store.read(['all']), store.write('tenant:paused', 'x'), store.touch(['all'])]
    for (const { status } of await Promise.allSettled(operations)) t.equal(status, 'rejected')
    memcached.resume()
  })

  t.test('a store that is closed meanwhile rejects what is under way, and asks no more', async (t) => {
    const { proxy, store } = await proxied(t)
    await store.read(['all'])
    proxy.swallowEverything()
    const read = t.rejects(store.read(['all']), { message: 'This store is closed' })
    store.close()
    await read
    await t.rejects(store.read(['all']), { message: 'This store is closed' })
  })

  t.test('and one that is closed while it connects sends nothing later', async (t) => {
    const { sockets, address } = await acceptor(t)
    const connecting = open(t, address)
    const write = t.rejects(connecting.write('tenant:closed', 'token'), { message: 'This store is closed' })
    // In the turn in which the system begins to connect: what was given up is connected to all the same, if at all.
    await new Promise((done) => setImmediate(done))
    connecting.close()
    await write
    const other = open(t, address, { commandTimeoutMs: 200 })
    await t.rejects(other.write('tenant:other', 'token'))
    await eventually(() => sockets.some(({ received }) => received.includes('tenant:other')))
    t.notOk(sockets.some(({ received }) => received.includes('tenant:closed')))
  })

  t.test('and one whose connection is up closes that', async (t) => {
    const { sockets, address } = await acceptor(t)
    const store = open(t, address)
    const read = t.rejects(store.read(['all']), { message: 'This store is closed' })
    await eventually(() => sockets[0]?.received.includes('get') === true)
    store.close()
    await read
    await eventually(() => sockets[0]?.ended === true, { timeoutMs: 10_000 })
  })

  t.test('what is given up while a name is looked up is never sent, nor connected to', async (t) => {
    const { sockets, address } = await acceptor(t)
    const port = address.split(':')[1]
    const found = heldLookup(t)
    const store = open(t, `slow.test:${port}`, { commandTimeoutMs: 200 })
    await t.rejects(store.write('tenant:slow', 'token'), { message: /within 200 ms$/ })
    // The store listens to a silent server; that is all that it asks, also when the name is found at last.
    await eventually(() => sockets[0]?.received === 'version\r\n', { timeoutMs: 10_000 })
    found()
    const before = sockets.length
    await eventually(() => sockets.length > before + 1, { timeoutMs: 10_000 })
    for (const { received } of sockets) t.notMatch(received, 'tenant:slow')
  })

  t.test('nor is there a connection when the store was closed meanwhile', async (t) => {
    const { sockets, address } = await acceptor(t)
    const found = heldLookup(t)
    const store = open(t, `slow.test:${address.split(':')[1]}`)
    const read = t.rejects(store.read(['all']), { message: 'This store is closed' })
    store.close()
    await read
    found()
    await new Promise((done) => setImmediate(done))
    await t.rejects(open(t, address, { commandTimeoutMs: 500 }).read(['tenant:other']))
    await eventually(() => sockets.some(({ received }) => received.includes('tenant:other')))
    t.equal(sockets.filter(({ received }) => !/tenant:other|version/.test(received)).length, 0)
  })
})

t.test('Memcached is killed and comes back empty: all tokens are absent', async (t) => {
  const killed = await startMemcached()
  t.teardown(() => killed.stop())
  const store = open(t, killed.address)
  await store.write('tenant:acme', 'lost')
  await store.write('all', 'lost')
  await killed.kill()
  await t.rejects(store.read(['tenant:acme', 'all']))
  await t.rejects(store.read(['tenant:acme', 'all']), { cause: { code: 'ECONNREFUSED' } })
  await killed.restart()
  t.same(await answer(store, 'tenant:acme', 'all'), [null, null])
  t.equal(await store.claim('tenant:acme', () => 'anew'), 'anew')
})

t.test('one of three servers fails its own keys only, and no other takes its place', async (t) => {
  const servers = [await startMemcached(), await startMemcached(), await startMemcached()]
  t.teardown(() => Promise.all(servers.map((server) => server.stop())))
  const addresses = servers.map(({ address }) => address)
  const keys = Array.from({ length: 30 }, (_, index) => `tenant:${index}`)
  const store = open(t, addresses)
  for (const key of keys) await store.write(key, `token of ${key}`)
  const [down, ...up] = servers as [MemcachedServer, ...MemcachedServer[]]
  const holds = async (server: MemcachedServer, key: string) =>
    (await server.ask(`mg tenantry:${key} v`)).startsWith('VA')
  const lost: string[] = []
  for (const key of keys) if (await holds(down, key)) lost.push(key)
  t.ok(lost.length > 0 && lost.length < keys.length, `${lost.length} of 30 keys are there`)

  async function othersAreAnswered(message: RegExp) {
    for (const [index, token] of (await store.read(keys)).entries()) {
      const key = keys[index] as string
      if (lost.includes(key)) t.match(token, { message })
      else t.equal(token, `token of ${key}`)
    }
  }

  t.test('while it is silent, of which others need not wait but once', async (t) => {
    down.pause()
    t.teardown(() => down.resume())
    const silent = /did not answer within 1000 ms$/
    await othersAreAnswered(silent)
    const taken = await timed(othersAreAnswered(silent).then(() => othersAreAnswered(silent)))
    t.ok(taken < 1000, `two reads are answered within ${taken} ms`)
    down.resume()
    t.same(await answer(store, lost[0] as string), [`token of ${lost[0]}`])
  })

  t.test('while it is gone', async (t) => {
    await down.kill()
    await othersAreAnswered(/did not answer: /)
    await t.rejects(store.read(lost), { message: new RegExp(`^Memcached at ${down.address} did not answer`) })
    await t.rejects(store.write(lost[0] as string, 'new'))
    await t.rejects(store.claim(lost[0] as string, () => 'new'))
    await t.rejects(store.touch(keys))
    for (const server of up) t.notOk(await holds(server, lost[0] as string))
  })

  t.test('and they are absent when it has come back', async (t) => {
    await down.restart()
    t.same(await answer(store, ...lost), Array(lost.length).fill(null))
    t.same(
      await store.read(keys.filter((key) => !lost.includes(key))),
      keys.filter((key) => !lost.includes(key)).map((key) => `token of ${key}`),
    )
    await store.write(lost[0] as string, 'new')
    t.ok(await holds(down, lost[0] as string))
  })
})

t.test('Memcached is full', async (t) => {
  /** More values of the size of a token than two megabytes hold. */
  const fill = (server: MemcachedServer) => {
    const value = 'x'.repeat(22)
    const names = Array.from({ length: 60_000 }, (_, index) => `tenantry:filler:${index}`)
    return server.ask(`${names.map((name) => `set ${name} 0 0 22 noreply\r\n${value}\r\n`).join('')}get none`)
  }

  t.test('and may not evict (-M): a write rejects, and leaves nothing old behind', async (t) => {
    const full = await startMemcached({ args: ['-m', '2', '-M'] })
    t.teardown(() => full.stop())
    const store = open(t, full.address)
    await store.write('tenant:acme', newToken())
    await fill(full)
    await t.rejects(store.write('tenant:acme', newToken()), {
      message: /answered SERVER_ERROR out of memory/,
    })
    t.same(await store.read(['tenant:acme']), [null])
  })

  t.test('G5: a token that was evicted, or flushed, is as good as a new one', async (t) => {
    const full = await startMemcached({ args: ['-m', '2', '-o', 'no_lru_maintainer'] })
    t.teardown(() => full.stop())
    const store = open(t, full.address)
    let builds = 0
    const pool = new TenantPool({
      tokens: store,
      load: (id) => ({ id }),
      create: (config) => {
        builds += 1
        return config
      },
      checkTimeoutMs: 10_000,
    })
    t.teardown(() => pool.close())
    const use = () => pool.use('acme', (_, { token }) => token)
    const [first] = [await use(), await use()]
    t.equal(builds, 1)
    await fill(full)
    t.equal(await full.ask('get tenantry:tenant:acme'), 'END')
    const second = await use()
    t.not(second, first)
    t.equal(builds, 2)
    await full.ask('flush_all')
    t.not(await use(), second)
    t.equal(builds, 3)
  })
})
