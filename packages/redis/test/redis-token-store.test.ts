import { inspect } from 'node:util'
import { eventually, startProcess, startRedis } from '@tenantry/testing'
import { Cluster, Redis } from 'ioredis'
import t from 'tap'
import { RedisTokenStore, type RedisTokenStoreOptions } from '../src/index.ts'
import { suiteOnRedis } from './suite-on-redis.ts'

const redis = await startRedis()
t.teardown(() => redis.stop())

t.test('the contract, on a single server', async (t) => {
  suiteOnRedis(redis, 'tenantry:', {
    test: (name, run) => t.test(name, run),
    create: () => new RedisTokenStore(redis.url),
  })
})

t.test('where the tokens are', async (t) => {
  const store = new RedisTokenStore(redis.url)
  t.teardown(() => store.close())

  t.test('at keys under the prefix, as plain strings', async (t) => {
    await store.write('tenant:acme', 'token-1')
    t.equal(await redis.cli('GET', 'tenantry:tenant:acme'), 'token-1')
    await redis.cli('SET', 'tenantry:tenant:acme', 'set-by-hand')
    t.same(await store.read(['tenant:acme']), ['set-by-hand'])
  })

  t.test('all and all-hosts do not expire, be they written or claimed', async (t) => {
    await redis.cli('DEL', 'tenantry:all', 'tenantry:all-hosts')
    await store.write('all', 'written')
    t.equal(await store.claim('all-hosts', () => 'claimed'), 'claimed')
    await store.touch(['all', 'all-hosts'])
    t.equal(await redis.cli('PTTL', 'tenantry:all'), '-1')
    t.equal(await redis.cli('PTTL', 'tenantry:all-hosts'), '-1')
  })

  t.test('under another prefix, if one is wanted', async (t) => {
    for (const prefix of ['app-7/', '']) {
      const other = new RedisTokenStore(redis.url, { prefix })
      t.teardown(() => other.close())
      await other.write('tenant:elsewhere', `under "${prefix}"`)
      t.equal(await redis.cli('GET', `${prefix}tenant:elsewhere`), `under "${prefix}"`)
    }
    t.same(await store.read(['tenant:elsewhere']), [null])
  })

  t.test('in the database that the URL names', async (t) => {
    const other = new RedisTokenStore(`${redis.url}/3`)
    t.teardown(() => other.close())
    await other.write('tenant:acme', 'in database 3')
    t.equal(await store.read(['tenant:acme']).then(String), 'set-by-hand')
    t.match(await redis.cli('INFO', 'keyspace'), /db3:keys=1/)
  })

  t.test('present keys cost one command, and absent ones one more each', async (t) => {
    const commands = async () =>
      [...(await redis.cli('INFO', 'commandstats')).matchAll(/cmdstat_(mget|get):calls=(\d+)/g)].map(String)
    await redis.cli('CONFIG', 'RESETSTAT')
    await store.read(['all', 'all-hosts', 'tenant:acme'])
    t.match(await commands(), [/mget:calls=1,mget,1/])
    await store.read(['all', 'tenant:absent-1', 'tenant:absent-2'])
    t.match((await commands()).sort(), [/_get:calls=2/, /mget:calls=2/])
  })
})

t.test('a store has a connection of its own', async (t) => {
  const closing = (client: Redis, store: RedisTokenStore) => async () => {
    await store.close()
    client.disconnect()
  }

  t.test('a command that blocks the application’s does not delay it', async (t) => {
    const application = new Redis(redis.url)
    const store = new RedisTokenStore(application)
    t.teardown(closing(application, store))
    let isBlocked = true
    const popped = application.blpop('queue', 0).finally(() => {
      isBlocked = false
    })
    await store.write('tenant:blocked', 'token')
    t.same(await store.read(['tenant:blocked']), ['token'])
    t.ok(isBlocked)

    await store.close()
    await redis.cli('RPUSH', 'queue', 'job')
    t.same(await popped, ['queue', 'job'], 'the application’s goes on when the store has closed its own')
    t.equal(application.status, 'ready')
  })

  t.test('it works while the application’s does not, or not yet', async (t) => {
    const lazy = new Redis(redis.url, { lazyConnect: true })
    const ended = new Redis(redis.url)
    await new Promise((resolve) => ended.once('end', resolve).disconnect())
    for (const [application, status] of [[lazy, 'wait'] as const, [ended, 'end'] as const]) {
      const store = new RedisTokenStore(application)
      t.teardown(closing(application, store))
      await store.write('tenant:offline', status)
      t.same(await store.read(['tenant:offline']), [status])
      t.equal(application.status, status)
    }
  })

  t.test('the application’s options neither matter nor change', async (t) => {
    const options = {
      keyPrefix: 'shift:',
      stringNumbers: true,
      enableAutoPipelining: true,
      protocol: 3,
      replyMapping: 'resp3',
      connectionName: 'application',
      maxRetriesPerRequest: null,
      commandTimeout: 5,
      scripts: { mget: { lua: 'return {"not", "a", "token"}', numberOfKeys: 0 } },
      reconnectOnError: (): 2 => 2,
    } as const
    const application = new Redis(redis.port, '127.0.0.1', { ...options, lazyConnect: true })
    const before = { ...application.options }
    const listeners = application.eventNames()
    const given = { ...options, port: redis.port, host: '127.0.0.1' }
    for (const source of [application, given]) {
      const store = new RedisTokenStore(source)
      t.teardown(() => store.close())
      await store.write('tenant:shifted', 'token')
      t.same(await store.read(['tenant:shifted']), ['token'])
      t.equal(await redis.cli('GET', 'tenantry:tenant:shifted'), 'token')
      t.notMatch(await redis.cli('CLIENT', 'LIST'), /name=application/)
    }
    t.same(application.options, before)
    t.same(application.eventNames(), listeners)
    t.same(given, { ...options, port: redis.port, host: '127.0.0.1' })
  })
})

t.test('a server that asks for a password', async (t) => {
  const guarded = await startRedis({ password: 'p@ss/w%rd' })
  t.teardown(() => guarded.stop())

  t.test('gets it, from the URL or from options, before the first command', async (t) => {
    const options = { host: '127.0.0.1', port: guarded.port, password: 'p@ss/w%rd', db: 1 }
    for (const source of [`${guarded.url}/1`, options]) {
      const store = new RedisTokenStore(source)
      t.teardown(() => store.close())
      t.equal(await store.claim('tenant:guarded', () => 'token'), 'token')
    }
  })

  t.test('the wrong one is told as the cause', async (t) => {
    const store = new RedisTokenStore(`redis://:wrong@127.0.0.1:${guarded.port}`, { commandTimeoutMs: 200 })
    t.teardown(() => store.close())
    await t.rejects(store.read(['all']), { message: /within 200 ms/, cause: { message: /WRONGPASS/ } })
  })
})

t.test('closing', async (t) => {
  t.test('rejects what waits for the first connection', async (t) => {
    const store = new RedisTokenStore(redis.url)
    const write = t.rejects(store.write('tenant:too-late', 'token'), { message: 'This store is closed' })
    await store.close()
    await write
    t.equal(await redis.cli('EXISTS', 'tenantry:tenant:too-late'), '0')
  })

  t.test('leaves nothing that keeps the process from ending, be Redis stopped or not', async (t) => {
    const script = new URL('fixtures/read-and-close.js', import.meta.url).pathname
    t.teardown(() => redis.resume())
    for (const answer of [[null], 'Redis did not answer within 1000 ms']) {
      const ended = await startProcess(process.execPath, [script, `${redis.url}/5`])
      t.equal(await ended.exit, 0)
      const told = JSON.parse(ended.lines.join('\n'))
      t.same(told.answer, answer)
      t.ok(told.lingeredMs < 300, `ended after ${told.lingeredMs} ms`)
      redis.pause()
    }
  })

  t.test('closes its own connection only', async (t) => {
    const connections = async () => [...(await redis.cli('CLIENT', 'LIST')).matchAll(/ db=9 /g)].length
    const application = new Redis(`${redis.url}/9`)
    t.teardown(() => application.disconnect())
    await application.ping()
    const store = new RedisTokenStore(application)
    await store.read(['all'])
    t.equal(await connections(), 2)
    await store.close()
    await eventually(async () => (await connections()) === 1)
    t.equal(application.status, 'ready')
  })
})

t.test('the constructor', async (t) => {
  t.test('refuses what it cannot use, and says what it got, but no password', async (t) => {
    const secret = 's3cret'
    const refused: [source: unknown, options: unknown, message: RegExp][] = [
      [undefined, undefined, /^Expected a URL \(redis:.*, got undefined$/],
      [null, undefined, /got null$/],
      [6379, undefined, /got 6379$/],
      ['', undefined, /got an empty string$/],
      ['localhost:6379', undefined, /got a string that is no URL$/],
      [`user:${secret}@host`, undefined, /got a string that is no URL$/],
      [`http://:${secret}@host`, undefined, /got a URL that begins with http:\/\/$/],
      [`REDISS://:${secret}@host`, undefined, /got a URL that begins with REDISS:\/\/$/],
      [`redis://:${secret}/x@host`, undefined, /got a malformed URL that begins with redis:\/\/$/],
      [`redis://u/${secret}@host`, undefined, /whose path is no database number$/],
      [`redis://:${secret}%@host`, undefined, /whose user name or password is not percent-encoded$/],
      [[], undefined, /got an array$/],
      [{ connect() {}, sendCommand() {} }, undefined, /got a client of something else$/],
      [{ sentinels: [{ host: 'h' }] }, undefined, /^Expected Redis options .* name of master/],
      [redis.url, { prefix: 7 }, /^Expected prefix to be a string, got 7$/],
      [
        redis.url,
        { commandTimeoutMs: 0 },
        /^Expected commandTimeoutMs to be a number from 1 to 60000, got 0$/,
      ],
      [redis.url, { commandTimeoutMs: '100' }, /got 100$/],
      [redis.url, { commandTimeoutMs: Number.NaN }, /got NaN$/],
      [redis.url, { commandTimeoutMs: 60_001 }, /got 60001$/],
    ]
    for (const [source, options, message] of refused) {
      const construct = () => new RedisTokenStore(source as string, options as RedisTokenStoreOptions)
      t.throws(construct, { code: 'TENANTRY_ERR_OPTIONS_INVALID', message }, String(message))
      try {
        construct()
      } catch (error) {
        t.notMatch(inspect(error), secret)
      }
    }
  })

  t.test('wants a hash tag in the prefix of a Cluster', async (t) => {
    const cluster = new Cluster([redis.port], { lazyConnect: true })
    for (const prefix of ['tenantry:', '{}tenantry:', 'tenantry{', '}tenantry{', '']) {
      t.throws(() => new RedisTokenStore(cluster, { prefix }), {
        code: 'TENANTRY_ERR_OPTIONS_INVALID',
        message: `Expected prefix to hold a hash tag, such as "{tenantry}:", in a Cluster, got "${prefix}"`,
      })
    }
  })

  t.test('takes four forms, and no others, as types', async () => {
    const accepts = (_: () => RedisTokenStore) => undefined
    accepts(() => new RedisTokenStore('redis://localhost'))
    accepts(() => new RedisTokenStore({ host: 'localhost', tls: {} }, { prefix: 'x:', commandTimeoutMs: 50 }))
    accepts(() => new RedisTokenStore({ sentinels: [{ host: 'localhost' }], name: 'mymaster' }))
    accepts(() => new RedisTokenStore(new Redis()))
    accepts(() => new RedisTokenStore(new Redis({ replyMapping: 'resp3' })))
    accepts(() => new RedisTokenStore(new Cluster([6379])))
    // @ts-expect-error: a port alone
    accepts(() => new RedisTokenStore(6379))
    // @ts-expect-error: the start-up nodes of a Cluster
    accepts(() => new RedisTokenStore([{ port: 6379 }]))
    // @ts-expect-error: no such option
    accepts(() => new RedisTokenStore('redis://localhost', { keyPrefix: 'x:' }))
    // @ts-expect-error: nothing
    accepts(() => new RedisTokenStore())
  })
})
