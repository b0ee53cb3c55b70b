import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TokenStore } from '@tenantry/core'
import { eventually, freePort, startProcess, startRedis, startTcpProxy } from '@tenantry/testing'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import t, { type Test } from 'tap'
import { RedisHeartbeats, RedisTokenStore } from '../src/index.ts'
import { heartbeatsOnRedis } from './heartbeats-on-redis.ts'
import { suiteOnRedis } from './suite-on-redis.ts'

/** Asks until there is an answer. */
function answer(store: TokenStore, key: string) {
  return eventually(async () => [...(await store.read([key]))], { timeoutMs: 5000 })
}

/** Answers what ioredis asks of a Sentinel, when it may. */
async function fakeSentinel(t: Test, masterPort: number) {
  const listeners: Socket[] = []
  const held: (() => void)[] = []
  let isHeld = false
  const server = createServer((client) => {
    client.on('error', () => undefined)
    client.on('data', (data) => {
      for (const [command] of `${data}`.matchAll(/setinfo|get-master-addr-by-name|sentinels|subscribe/gi)) {
        const reply = (text: string) => void client.write(text)
        if (/setinfo/i.test(command)) reply('+OK\r\n')
        if (command === 'sentinels') reply('*0\r\n')
        if (command === 'subscribe') {
          listeners.push(client)
          reply('*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n')
        }
        if (command !== 'get-master-addr-by-name') continue
        const tell = () => reply(`*2\r\n$9\r\n127.0.0.1\r\n$${`${masterPort}`.length}\r\n${masterPort}\r\n`)
        if (isHeld) held.push(tell)
        else tell()
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return {
    port: (server.address() as AddressInfo).port,
    /** Who listens for failovers. */
    listeners,
    /** How many have asked for the master, and wait. */
    get asked() {
      return held.length
    },
    hold() {
      isHeld = true
    },
    resume() {
      isHeld = false
      for (const tell of held.splice(0)) tell()
    },
  }
}

t.test('Redis Cluster', async (t) => {
  const redis = await startRedis({
    args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
  })
  t.teardown(() => redis.stop())
  await redis.cli('CLUSTER', 'ADDSLOTS', ...Array.from({ length: 16_384 }, (_, slot) => `${slot}`))
  await eventually(async () => /cluster_state:ok/.test(await redis.cli('CLUSTER', 'INFO')))
  const application = new Cluster([{ host: '127.0.0.1', port: redis.port }], {
    keyPrefix: 'shift:',
    redisOptions: { connectionName: 'application' },
    scaleReads: 'all',
  })
  t.teardown(() => application.disconnect())

  t.test('the contract', async (t) => {
    suiteOnRedis(redis, '{tenantry}:', {
      test: (name, run) => t.test(name, run),
      create: () => new RedisTokenStore(application),
    })
  })

  t.test('the contract of heartbeats', async (t) => {
    heartbeatsOnRedis(redis, '{tenantry-heartbeat}:', {
      test: (name, run) => t.test(name, run),
      create: () => new RedisHeartbeats(application),
    })
  })

  t.test('the first operations of all kinds, asked for at once', async (t) => {
    const store = new RedisTokenStore(application)
    t.teardown(() => store.close())
    const begun = [
      store.write('tenant:first', 'token'),
      store.read(['tenant:absent', 'all']),
      store.claim('tenant:claimed', () => 'claimed'),
      store.touch(['tenant:first', 'tenant:claimed']),
    ]
    for (const { status } of await Promise.allSettled(begun)) t.equal(status, 'fulfilled')
  })

  t.test('another prefix, with a hash tag', async (t) => {
    const store = new RedisTokenStore(application, { prefix: 'app{7}:' })
    t.teardown(() => store.close())
    await store.write('tenant:acme', 'token')
    t.equal(await redis.cli('GET', 'app{7}:tenant:acme'), 'token')
  })

  t.test('R5: what was under way when the connection closed is not sent again', async (t) => {
    const proxy = await startTcpProxy({ to: redis.port })
    t.teardown(() => proxy.close())
    // Every node is reached through the proxy, whatever the Cluster says.
    const proxied = new Cluster([{ host: '127.0.0.1', port: proxy.port }], {
      natMap: () => ({ host: '127.0.0.1', port: proxy.port }),
      enableReadyCheck: false,
    })
    t.teardown(() => proxied.disconnect())
    const store = new RedisTokenStore(proxied)
    t.teardown(() => store.close())

    async function timesSent(token: string, begin: () => Promise<unknown>): Promise<[number, string]> {
      proxy.swallowAnswers()
      const outcome = begin().then(
        () => 'resolved',
        () => 'rejected',
      )
      await eventually(() => proxy.received.includes(token))
      proxy.cut()
      const how = await outcome
      await answer(store, 'all')
      return [proxy.received.split(token).length - 1, how]
    }

    await proxied.set('warm', 'up')
    const [times, how] = await timesSent('value-of-ioredis', () =>
      proxied.set('by-itself', 'value-of-ioredis'),
    )
    t.same([times > 1, how], [true, 'resolved'], 'ioredis by itself does send it again')
    await answer(store, 'all')
    for (const [token, begin] of [
      ['token-of-write', () => store.write('tenant:acme', 'token-of-write')],
      ['token-of-claim', () => store.claim('tenant:nobody', () => 'token-of-claim')],
    ] as const) {
      t.same(await timesSent(token, begin), [1, 'rejected'], token)
    }
  })

  t.test('killed and started again, it is found again', async (t) => {
    const store = new RedisTokenStore(application)
    t.teardown(() => store.close())
    await store.write('tenant:acme', 'lost')
    await redis.restart()
    t.same(await answer(store, 'tenant:acme'), [null])
  })
})

t.test('Redis Cluster, while the slot of the tokens moves', async (t) => {
  const args = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']
  const [from, to] = [await startRedis({ args }), await startRedis({ args })]
  t.teardown(() => Promise.all([from.stop(), to.stop()]))
  await from.cli('CLUSTER', 'ADDSLOTS', ...Array.from({ length: 16_384 }, (_, slot) => `${slot}`))
  await to.cli('CLUSTER', 'SET-CONFIG-EPOCH', '2')
  await to.cli('CLUSTER', 'MEET', '127.0.0.1', `${from.port}`)
  const slot = await from.cli('CLUSTER', 'KEYSLOT', '{tenantry}:all')
  const [source, target] = [await from.cli('CLUSTER', 'MYID'), await to.cli('CLUSTER', 'MYID')]
  const patient = { timeoutMs: 20_000 }
  await eventually(() => from.cli('SET', '{tenantry}:tenant:here', 'token'), patient)
  await from.cli('RPUSH', '{tenantry}:tenant:list-here', 'token')
  await eventually(() => from.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target), patient)
  await eventually(() => to.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source), patient)
  await eventually(async () => /cluster_state:ok/.test(await to.cli('CLUSTER', 'INFO')), patient)
  const application = new Cluster([{ host: '127.0.0.1', port: from.port }], { lazyConnect: true })
  t.teardown(() => application.disconnect())
  const store = new RedisTokenStore(application)
  t.teardown(() => store.close())
  const refused = async () =>
    Number(/errorstat_TRYAGAIN:count=(\d+)/.exec(await from.cli('INFO', 'errorstats'))?.[1] ?? 0)

  await eventually(() => store.write('all', 'moved').then(() => true), patient)
  t.equal(await to.cli('CLUSTER', 'COUNTKEYSINSLOT', slot), '1', 'what is new is written where the slot goes')
  const keys = ['tenant:here', 'all', 'tenant:list-here', 'tenant:absent']
  for (const when of ['when that turns out', 'at once after that']) {
    const before = await refused()
    const [here, moved, list, absent] = await store.read(keys)
    t.same([here, moved, absent], ['token', 'moved', null], `each key is asked for where it is, ${when}`)
    t.match(list, { message: 'There is no token at tenant:list-here', cause: { message: /^WRONGTYPE/ } })
    t.equal((await refused()) > before, when === 'when that turns out')
  }
  t.equal(await store.claim('all', () => 'anew'), 'moved')

  await store.write('tenant:moved', 'token')
  await store.read(keys)
  await from.cli('PERSIST', '{tenantry}:tenant:here')
  await store.touch(['tenant:here', 'tenant:moved', 'tenant:absent'])
  t.ok(Number(await from.cli('PTTL', '{tenantry}:tenant:here')) > 0, 'each is touched where it is')
})

t.test('Sentinel tells of a failover while it is asked for the master', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const sentinel = await fakeSentinel(t, redis.port)
  const store = new RedisTokenStore({ sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: 'acme' })
  t.teardown(() => store.close())
  await store.write('tenant:acme', 'token')
  const listener = await eventually(() => sentinel.listeners[0], { timeoutMs: 10_000 })

  sentinel.hold()
  await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal')
  await eventually(() => sentinel.asked > 0, { timeoutMs: 10_000 })
  const heard = once(listener, 'close')
  listener.write('*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$4\r\nacme\r\n')
  await heard
  sentinel.resume()
  t.same(await answer(store, 'tenant:acme'), ['token'], 'the store finds it all the same')
})

t.test('Sentinel', async (t) => {
  const args = ['--repl-diskless-sync-delay', '0']
  const [master, replica] = [await startRedis({ args }), await startRedis({ args })]
  const directory = await mkdtemp(join(tmpdir(), 'tenantry-sentinel-'))
  t.teardown(async () => {
    await Promise.all([master.stop(), replica.stop()])
    await rm(directory, { recursive: true })
  })
  await replica.cli('REPLICAOF', '127.0.0.1', `${master.port}`)
  await eventually(async () => /master_link_status:up/.test(await replica.cli('INFO', 'replication')))
  const port = await freePort()
  const configuration = join(directory, 'sentinel.conf')
  const lines = [`port ${port}`, 'bind 127.0.0.1', `sentinel monitor acme 127.0.0.1 ${master.port} 1`, '']
  await writeFile(configuration, lines.join('\n'))
  const sentinel = await startProcess('redis-server', [configuration, '--sentinel'], { until: /\+slave/ })
  t.teardown(() => sentinel.stop('SIGKILL'))
  const options: RedisOptions = { sentinels: [{ host: '127.0.0.1', port }], name: 'acme', role: 'slave' }
  const store = new RedisTokenStore(options)
  t.teardown(() => store.close())

  t.test('the master is asked, though the application reads from replicas', async (t) => {
    await store.write('tenant:acme', 'token')
    t.same(await store.read(['tenant:acme']), ['token'])
    t.equal(await master.cli('GET', 'tenantry:tenant:acme'), 'token')
  })

  t.test('after a failover the new master is asked, and a write there is read', async (t) => {
    const client = new Redis(port)
    t.teardown(() => client.disconnect())
    await eventually(() => client.call('sentinel', 'failover', 'acme'))
    await eventually(async () => /role:master/.test(await replica.cli('INFO', 'replication')))
    await replica.cli('SET', 'tenantry:tenant:acme', 'newer')
    // For some ten seconds yet, the old master does not know, and answers: nobody waits for that.
    await eventually(async () => (await store.read(['tenant:acme']))[0] === 'newer')
    t.match(await master.cli('INFO', 'replication'), /role:master/)
    await store.write('tenant:acme', 'newest')
    t.equal(await replica.cli('GET', 'tenantry:tenant:acme'), 'newest')
  })

  t.test('a Sentinel that is silent is passed over', async (t) => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    t.teardown(() => silent.close())
    const { port: silentPort } = silent.address() as AddressInfo
    const asking = new RedisTokenStore(
      {
        ...options,
        sentinels: [
          { host: '127.0.0.1', port: silentPort },
          { host: '127.0.0.1', port },
        ],
      },
      { commandTimeoutMs: 100 },
    )
    t.teardown(() => asking.close())
    t.same(await answer(asking, 'tenant:acme'), ['newest'])
  })

  t.test('a store that is closed while Sentinel is silent ends soon', async (t) => {
    sentinel.child.kill('SIGSTOP')
    const asking = new RedisTokenStore(options)
    const start = performance.now()
    await t.rejects(asking.read(['all']), { message: 'Redis did not answer within 1000 ms' })
    await asking.close()
    t.ok(performance.now() - start < 1500)
  })
})
