import t from 'tap'
import { hostDirectory } from '../src/host-directory.ts'
import { ALL, ALL_HOSTS, tenantKey } from '../src/token.ts'
import type { SampleTenant } from './fakes/held-authority.ts'
import { HostScene } from './fakes/host-scene.ts'
import { settle } from './fakes/manual-clock.ts'
import { FollowedRequest, PoolScene } from './fakes/pool-scene.ts'

const UNREACHABLE = 'TENANTRY_ERR_STORE_UNREACHABLE'
const NOT_FOUND = 'TENANTRY_ERR_TENANT_NOT_FOUND'
const LOOKUP_FAILED = 'TENANTRY_ERR_LOOKUP_FAILED'
const BUILD_FAILED = 'TENANTRY_ERR_BUILD_FAILED'

t.test('hostDirectory refuses options that are not functions', async (t) => {
  const lookup = () => undefined
  const hostnamesOf = () => []
  const code = 'TENANTRY_ERR_OPTIONS_INVALID'
  for (const [options, message] of [
    [undefined, 'Expected `lookup` to be a function, got undefined'],
    [{ hostnamesOf }, 'Expected `lookup` to be a function, got undefined'],
    [{ lookup: 'acme', hostnamesOf }, 'Expected `lookup` to be a function, got "acme"'],
    [{ lookup }, 'Expected `hostnamesOf` to be a function, got undefined'],
    [{ lookup, hostnamesOf: ['acme.example'] }, 'Expected `hostnamesOf` to be a function, got an array'],
  ] as const) {
    t.throws(() => hostDirectory(options as never), { code, message })
  }
})

t.test('a host is looked up once; then its tenant, checked each time, speaks for itself', async (t) => {
  const scene = new HostScene({ acme: ['a.example', 'b.example'] })
  for (let requests = 0; requests < 3; requests += 1) {
    t.equal(await scene.outcome('a.example'), 'acme 1')
    t.equal(await scene.outcome('b.example'), 'acme 1')
  }
  t.equal(scene.authority.lookups.count, 2)
  t.same(scene.loads, ['acme'])

  scene.restart(tenantKey('acme'))
  t.equal(await scene.outcome('a.example'), 'tenant:acme 2', 'a restart is seen by the next request')
  t.equal(scene.authority.lookups.count, 2, 'and needs no lookup')
  t.equal(scene.pool.stats().leases, 0)
})

t.test('G9: a hint counts only as long as its tenant names the host', async (t) => {
  const scene = new HostScene({ acme: ['shop.example'], beta: ['beta.example'] })
  await scene.answer('shop.example')

  // Not even the lookup is right: it says acme all along.
  scene.authority.tenants.set('acme', ['acme.example'])
  scene.restart(tenantKey('acme'))
  t.equal(await scene.outcome('shop.example'), NOT_FOUND)
  t.equal(scene.pool.stats().leases, 0)
  t.equal(scene.authority.lookups.count, 2, 'it was looked up once more')

  scene.change('beta', ['beta.example', 'shop.example'])
  t.equal(await scene.outcome('shop.example'), 'tenant:beta 3')
})

t.test('a hint that has led nowhere is dropped: its tenant is asked about no more', async (t) => {
  const scene = new HostScene({ acme: ['shop.example'] })
  await scene.answer('shop.example')
  scene.change('acme', [])
  t.equal(await scene.outcome('shop.example'), NOT_FOUND)
  const read = new Set<string>()
  const { store } = scene
  const ask = store.read.bind(store)
  store.read = (keys) => {
    for (const key of keys) read.add(key)
    return ask(keys)
  }
  t.equal(await scene.outcome('shop.example'), NOT_FOUND)
  t.same([...read], [ALL_HOSTS])
})

t.test('a host whose tenant does not name it is 404, but not remembered', async (t) => {
  for (const id of ['acme', 'nobody']) {
    let lookups = 0
    const scene = new HostScene(
      { acme: ['acme.example'] },
      {
        lookup: () => {
          lookups += 1
          return id
        },
      },
    )
    for (const expected of [2, 4, 6]) {
      t.equal(await scene.outcome('shop.example'), NOT_FOUND, id)
      t.equal(lookups, expected, 'asked, and once more, by every request')
    }
    scene.authority.tenants.set(id, ['shop.example'])
    scene.restart(tenantKey(id))
    t.equal(await scene.outcome('shop.example'), `tenant:${id} 2`, 'served as soon as it does')
  }
})

t.test('G8: an unknown host is remembered', async (t) => {
  t.test('for at most unknownForMs', async (t) => {
    const scene = new HostScene({}, { unknownForMs: 3000 })
    for (let requests = 0; requests < 5; requests += 1) t.equal(await scene.outcome('a.example'), NOT_FOUND)
    t.equal(scene.authority.lookups.count, 1)
    await scene.clock.advance(2999)
    await scene.answer('a.example')
    t.equal(scene.authority.lookups.count, 1)
    await scene.clock.advance(2)
    t.equal(await scene.outcome('a.example'), NOT_FOUND)
    t.equal(scene.authority.lookups.count, 2, 'being asked for has not kept it alive')
  })

  t.test('as long as all-hosts does not change', async (t) => {
    const scene = new HostScene({ acme: [] })
    await scene.answer('a.example')
    scene.change('acme', ['a.example'])
    t.equal(await scene.outcome('a.example'), 'tenant:acme 2', 'the next request is served')
    scene.change('acme', [])
    t.equal(await scene.outcome('a.example'), NOT_FOUND)
    scene.store.tokens.delete(ALL_HOSTS)
    await scene.answer('a.example')
    t.equal(scene.authority.lookups.count, 4, 'G5: an absent all-hosts equals nothing')
  })

  t.test('under the all-hosts that was read before it was looked up', async (t) => {
    const scene = new HostScene({ acme: [] })
    scene.authority.hold()
    const request = scene.ask('a.example')
    await scene.clock.turn()
    const lookup = scene.authority.lookups.next().perform()
    scene.change('acme', ['a.example'])
    lookup.answer()
    await scene.clock.turn()
    t.equal(request.outcome, NOT_FOUND)
    scene.authority.letGo()
    t.equal(await scene.outcome('a.example'), 'tenant:acme 2')
  })

  t.test('only if the lookup has answered undefined', async (t) => {
    const answers: (() => string | undefined)[] = [
      () => {
        throw new Error('no connection')
      },
      () => null as never,
      () => undefined,
    ]
    const scene = new HostScene({}, { lookup: () => (answers.shift() as () => string | undefined)() })
    t.equal(await scene.outcome('a.example'), LOOKUP_FAILED)
    t.equal(await scene.outcome('a.example'), LOOKUP_FAILED)
    t.equal(await scene.outcome('a.example'), NOT_FOUND)
    t.equal(await scene.outcome('a.example'), NOT_FOUND)
    t.same(answers, [])
  })
})

t.test('G8: at most ten hosts are known for each tenant that may be in memory', async (t) => {
  const hosts = Array.from({ length: 11 }, (_, index) => `shop-${index}.example`)
  const scene = new HostScene({ acme: hosts }, { maxTenants: 1 })
  for (const host of hosts) await scene.answer(host)
  t.equal(scene.authority.lookups.count, 11)
  for (const host of hosts.slice(1)) await scene.answer(host)
  t.equal(scene.authority.lookups.count, 11, 'the ten that were used last')
  t.equal(await scene.outcome('shop-0.example'), 'acme 1')
  t.equal(scene.authority.lookups.count, 12)
})

t.test('G6: while the store does not answer', async (t) => {
  const scene = new HostScene({ acme: ['a.example', 'b.example'], beta: ['beta.example'] })
  await scene.answer('a.example')
  await scene.answer('unknown.example')
  scene.store.open = false
  const noticed = scene.ask('a.example')
  await scene.clock.turn()
  await scene.clock.advance(250)
  t.equal(noticed.outcome, 'acme 1')
  const hosts = ['a.example', 'b.example', 'beta.example', 'unknown.example']
  const requests = hosts.map(scene.ask)
  await settle()
  t.same(
    requests.map(({ outcome }) => outcome),
    ['acme 1', UNREACHABLE, UNREACHABLE, UNREACHABLE],
    'known hosts are served, others are 503, not 404, and nobody waits',
  )
  t.equal(scene.authority.lookups.count, 2)

  t.test('a host that the tenant in memory does not name is 503', async (t) => {
    scene.store.letGo()
    await scene.clock.turn()
    scene.authority.tenants.set('acme', [])
    scene.restart(tenantKey('acme'))
    const rebuilt = scene.acquire('acme')
    for (let turns = 0; turns < 3; turns += 1) await scene.clock.turn()
    t.equal(rebuilt.outcome, 'tenant:acme 2')
    scene.store.open = false
    const request = scene.ask('a.example')
    await scene.clock.turn()
    await scene.clock.advance(250)
    t.equal(request.outcome, UNREACHABLE)
  })
})

t.test('host names are read once for each generation of a tenant', async (t) => {
  const read: string[] = []
  const scene = new HostScene(
    { acme: ['a.example'] },
    {
      hostnamesOf: (tenant) => {
        read.push(tenant.id)
        return tenant.hostnames
      },
    },
  )
  for (let requests = 0; requests < 5; requests += 1) await scene.answer('a.example')
  t.equal(read.length, 1)
  scene.restart(tenantKey('acme'))
  for (let requests = 0; requests < 5; requests += 1) await scene.answer('a.example')
  t.equal(read.length, 2)
})

t.test('a tenant may be anything, not only an object', async (t) => {
  const scene = new PoolScene<string>(
    { 'tenant:acme': 't1', [ALL]: 'a1', [ALL_HOSTS]: 'h1' },
    { load: () => 'x' },
  )
  scene.store.open = true
  const acquire = scene.pool.byHost(
    hostDirectory({ lookup: () => 'acme', hostnamesOf: (tenant) => [`${tenant}.example`] }),
  )
  const requests = [new FollowedRequest(acquire('x.example')), new FollowedRequest(acquire('y.example'))]
  for (let turns = 0; turns < 8; turns += 1) await scene.clock.turn()
  t.same(
    requests.map(({ outcome }) => outcome),
    ['t1', NOT_FOUND],
  )
})

t.test('a tenant may name its hosts in any form, and any iterable of them will do', async (t) => {
  const hostnamesOf = () => new Set(['Bücher.example', 'SHOP.Example.', 'xn--mnchen-3ya.example'])
  const scene = new HostScene({ acme: [] }, { lookup: () => 'acme', hostnamesOf })
  for (const hostname of ['xn--bcher-kva.example', 'shop.example', 'xn--mnchen-3ya.example']) {
    t.equal(await scene.outcome(hostname), 'acme 1', hostname)
  }
  t.equal(await scene.outcome('bucher.example'), NOT_FOUND)
})

t.test('a tenant whose host names cannot be had is 503', async (t) => {
  const broken: Record<string, (tenant: SampleTenant) => unknown> = {
    'when hostnamesOf throws': () => {
      throw new Error('no names')
    },
    'when it returns nothing': () => undefined,
    'when one of the names is invalid': () => ['a.example', 'not a host'],
    'when one of the names is no string': () => ['a.example', undefined],
    'when it returns one name instead of a list': () => 'localhost',
  }
  for (const [name, hostnamesOf] of Object.entries(broken)) {
    t.test(name, async (t) => {
      let isBroken = true
      let reads = 0
      const scene = new HostScene(
        { acme: ['a.example', 'c.example'], beta: ['b.example'] },
        {
          hostnamesOf: (tenant) => {
            if (tenant.id !== 'acme' || !isBroken) return tenant.hostnames
            reads += 1
            return hostnamesOf(tenant) as string[]
          },
        },
      )
      for (let requests = 0; requests < 3; requests += 1) {
        const { error } = await scene.answer('a.example')
        t.match(error, { code: LOOKUP_FAILED, statusCode: 503, cause: Error })
        t.equal(await scene.outcome('b.example'), 'beta 1', 'G7: others are served')
      }
      t.equal(scene.pool.stats().leases, 0)
      t.equal(reads, 1, 'read once for each generation')
      t.match(
        scene.told.filter(({ event }) => event === 'hostnamesFailed'),
        [{ id: 'acme', error: Error }],
        'and told once, not for each request',
      )
      t.equal(scene.count('lookupFailed'), 0)

      isBroken = false
      scene.restart(tenantKey('acme'))
      t.equal(await scene.outcome('a.example'), 'tenant:acme 2')
    })
  }
})

t.test('a tenant that cannot be built', async (t) => {
  async function brokenScene() {
    const scene = new HostScene({ acme: ['a.example'], beta: [] })
    await scene.answer('a.example')
    scene.authority.tenants.set('acme', new Error('no configuration'))
    scene.restart(tenantKey('acme'))
    return scene
  }

  t.test('keeps its hosts, and costs no lookups, as long as hosts do not change', async (t) => {
    const scene = await brokenScene()
    for (let requests = 0; requests < 3; requests += 1)
      t.equal(await scene.outcome('a.example'), BUILD_FAILED)
    t.equal(scene.authority.lookups.count, 1)
  })

  t.test('loses a host that has moved since', async (t) => {
    const scene = await brokenScene()
    scene.change('beta', ['a.example'])
    t.equal(await scene.outcome('a.example'), 'tenant:beta 3')
  })

  t.test('loses a host that has moved, also if it is only its host names that cannot be had', async (t) => {
    const hostnamesOf = ({ id, hostnames }: SampleTenant) => {
      if (id === 'acme' && hostnames.length === 0) throw new Error('no names')
      return hostnames
    }
    const scene = new HostScene({ acme: ['a.example'], beta: [] }, { hostnamesOf })
    await scene.answer('a.example')
    scene.authority.tenants.set('acme', [])
    scene.restart(tenantKey('acme'))
    t.equal(await scene.outcome('a.example'), LOOKUP_FAILED)
    scene.change('beta', ['a.example'])
    t.equal(await scene.outcome('a.example'), 'tenant:beta 3')
    t.equal(scene.pool.stats().leases, 0)
  })

  t.test('loses a host that was removed since', async (t) => {
    const scene = await brokenScene()
    scene.restart(ALL_HOSTS)
    t.equal(await scene.outcome('a.example'), NOT_FOUND)
  })

  t.test('is looked up once for each change of hosts if the host is still its own', async (t) => {
    let lookups = 0
    const scene = new HostScene(
      { acme: ['a.example'] },
      {
        lookup: () => {
          lookups += 1
          return 'acme'
        },
      },
    )
    await scene.answer('a.example')
    scene.authority.tenants.set('acme', new Error('no configuration'))
    scene.restart(tenantKey('acme'))
    for (let changes = 0; changes < 2; changes += 1) {
      scene.restart(ALL_HOSTS)
      for (let requests = 0; requests < 3; requests += 1) {
        const { error } = await scene.answer('a.example')
        t.match(error, { code: BUILD_FAILED })
        t.ok((error as unknown as { retryAfterMs: number }).retryAfterMs > 0)
      }
    }
    t.equal(lookups, 3)
    scene.authority.tenants.set('acme', ['a.example'])
    scene.restart(tenantKey('acme'))
    t.match(await scene.outcome('a.example'), /^tenant:acme/)
    t.equal(lookups, 3, 'and once it can be built, its hint still stands')
  })
})
