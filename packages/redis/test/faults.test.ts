import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenStore } from '@tenantry/core'
import { eventually, freePort, startRedis, startTcpProxy } from '@tenantry/testing'
import { Redis } from 'ioredis'
import t from 'tap'
import { RedisTokenStore } from '../src/index.ts'

const redis = await startRedis()
t.teardown(() => redis.stop())

/** How long `operation` takes, in milliseconds. */
async function timed(operation: Promise<unknown>): Promise<number> {
  const start = performance.now()
  await operation.catch(() => undefined)
  return performance.now() - start
}

/** Asks until there is an answer; `store` need not be connected. */
function answer(store: TokenStore, key: string) {
  return eventually(async () => [...(await store.read([key]))], { timeoutMs: 3000 })
}

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1
}

t.test('R5: what was under way when the connection closed is not sent again', async (t) => {
  const proxy = await startTcpProxy({ to: redis.port })
  t.teardown(() => proxy.close())

  t.test('though ioredis by itself would send it again', async (t) => {
    const application = new Redis(proxy.urlOf(redis.url))
    t.teardown(() => application.disconnect())
    await application.ping()
    proxy.swallowAnswers()
    const write = application.set('by-itself', 'value-of-ioredis')
    await eventually(() => proxy.received.includes('value-of-ioredis'))
    proxy.cut()
    t.equal(await write, 'OK')
    t.equal(occurrences(proxy.received, 'value-of-ioredis'), 2)
  })

  for (const source of ['a URL', 'a client that would send it again'] as const) {
    t.test(`by a store made of ${source}`, async (t) => {
      const application = new Redis(proxy.urlOf(redis.url), { lazyConnect: true })
      const store = new RedisTokenStore(source === 'a URL' ? proxy.urlOf(redis.url) : application)
      t.teardown(() => store.close())
      for (const [name, begin] of [
        ['write', (token: string) => store.write('tenant:acme', token)],
        ['claim', (token: string) => store.claim('tenant:absent', () => token)],
      ] as const) {
        await redis.cli('DEL', 'tenantry:tenant:absent')
        await answer(store, 'tenant:acme')
        proxy.swallowAnswers()
        const token = `${name}-of-${source}`
        const operation: Promise<unknown> = begin(token)
        operation.catch(() => undefined)
        await eventually(() => proxy.received.includes(token))
        // The restart that a value sent twice would undo.
        await redis.cli('SET', 'tenantry:tenant:acme', 'newer')
        await redis.cli('SET', 'tenantry:tenant:absent', 'newer')
        proxy.cut()
        await t.rejects(operation, { message: /connection to Redis closed before the answer/ })
        t.same(await answer(store, 'tenant:acme'), ['newer'])
        t.same(await answer(store, 'tenant:absent'), ['newer'])
        t.equal(occurrences(proxy.received, token), 1, `the token of the ${name} has passed once`)
      }
    })
  }

  t.test('a touch writes no value, so it is of no matter whether it arrived', async (t) => {
    const store = new RedisTokenStore(proxy.urlOf(redis.url))
    t.teardown(() => store.close())
    await store.write('tenant:touched', 'token-that-is-touched')
    proxy.swallowAnswers()
    const touch = store.touch(['tenant:touched'])
    await eventually(() => proxy.received.includes('pexpire'))
    proxy.cut()
    await t.rejects(touch)
    t.equal(occurrences(proxy.received, 'token-that-is-touched'), 1)
  })
})

t.test('the first connection', async (t) => {
  t.test('is waited for by what is asked for before it is up', async (t) => {
    const store = new RedisTokenStore(redis.url)
    t.teardown(() => store.close())
    await Promise.all([
      store.write('tenant:first', 'token'),
      store.read(['all']),
      store.touch(['tenant:first']),
    ])
    t.same(await store.read(['tenant:first']), ['token'])
  })

  t.test('what has waited in vain is not sent any more', async (t) => {
    const late = await startRedis()
    t.teardown(() => late.stop())
    await late.kill()
    const store = new RedisTokenStore(late.url, { commandTimeoutMs: 200 })
    t.teardown(() => store.close())
    const taken = timed(
      t.rejects(store.write('tenant:late', 'token'), {
        message: 'Redis did not answer within 200 ms',
        cause: { code: 'ECONNREFUSED' },
      }),
    )
    t.ok((await taken) >= 190, 'it does wait: the server may be about to start')
    await late.restart()
    t.same(await answer(store, 'tenant:late'), [null])
  })

  t.test('closing ends while it is still being tried', async (t) => {
    const store = new RedisTokenStore(`redis://127.0.0.1:${await freePort()}`)
    await sleep(20)
    t.ok((await timed(store.close())) < 1000)
  })
})

t.test('Redis is stopped (SIGSTOP)', async (t) => {
  const limit = 200
  for (const [name, pauseMs] of [
    ['for less than it takes to give the connection up', 0],
    ['for long enough to give connections up', 5 * limit],
  ] as const) {
    t.test(name, async (t) => {
      const store = new RedisTokenStore(redis.url, { commandTimeoutMs: limit })
      t.teardown(() => store.close())
      await store.write('tenant:paused', name)
      redis.pause()
      t.teardown(() => redis.resume())
      await t.rejects(store.read(['tenant:paused']), { message: 'Redis did not answer within 200 ms' })
      const until = performance.now() + pauseMs
      let slowest = 0
      while (performance.now() < until) {
        slowest = Math.max(slowest, await timed(store.read(['tenant:paused'])))
        await sleep(10)
      }
      t.ok(slowest < limit + 250, `every read is rejected, the slowest after ${slowest} ms`)
      redis.resume()
      const taken = await timed(answer(store, 'tenant:paused').then((tokens) => t.same(tokens, [name])))
      t.ok(taken < 500, `answered after ${taken} ms`)
    })
  }

  t.test('a store that is closed meanwhile ends soon', async (t) => {
    const store = new RedisTokenStore(redis.url)
    await store.read(['all'])
    redis.pause()
    t.teardown(() => redis.resume())
    const read = t.rejects(store.read(['all']))
    t.ok((await timed(store.close())) < 500)
    await read
    t.ok((await timed(store.close())) < 10, 'and is closed')
  })
})

t.test('Redis is killed and comes back empty', async (t) => {
  const killed = await startRedis()
  t.teardown(() => killed.stop())
  const store = new RedisTokenStore(killed.url)
  t.teardown(() => store.close())
  await store.write('tenant:acme', 'lost')
  await killed.kill()
  await eventually(() =>
    store.read(['tenant:acme']).then(
      () => false,
      (error: Error) =>
        error.message === 'There is no connection to Redis' && /ECONNREFUSED/.test(String(error.cause)),
    ),
  )
  const taken = await timed(t.rejects(store.read(['tenant:acme'])))
  t.ok(taken < 100, `rejected at once: after ${taken} ms`)

  await killed.restart()
  const back = await timed(answer(store, 'tenant:acme').then((tokens) => t.same(tokens, [null])))
  t.ok(back < 800, `answered after ${back} ms`)
  t.equal(await store.claim('tenant:acme', () => 'anew'), 'anew')
})

t.test('a connection that has gone silent is replaced, an idle one is not', async (t) => {
  const proxy = await startTcpProxy({ to: redis.port })
  t.teardown(() => proxy.close())
  const store = new RedisTokenStore(proxy.urlOf(redis.url), { commandTimeoutMs: 100 })
  t.teardown(() => store.close())
  await answer(store, 'all')
  await sleep(500)
  await answer(store, 'all')
  t.equal(proxy.connections, 1)

  proxy.swallowEverything()
  await answer(store, 'all')
  t.equal(proxy.connections, 2)
})

t.test('a server that is no master any more is left for the one that is', async (t) => {
  const demoted = await startRedis()
  t.teardown(() => demoted.stop())
  const store = new RedisTokenStore(demoted.url)
  t.teardown(() => store.close())
  await store.write('tenant:acme', 'token')
  const connections = async () =>
    Number(/total_connections_received:(\d+)/.exec(await demoted.cli('INFO', 'stats'))?.[1])
  await demoted.cli('REPLICAOF', '127.0.0.1', `${redis.port}`)
  const before = await connections()
  await t.rejects(store.write('tenant:acme', 'refused'), { message: /^READONLY/ })
  await demoted.cli('REPLICAOF', 'NO', 'ONE')
  await answer(store, 'tenant:acme')
  t.equal(await connections(), before + 3, 'two of this test, and one of the store that looked anew')
})
