import t from 'tap'
import { ALL_HOSTS } from '../src/token.ts'
import { HostScene } from './fakes/host-scene.ts'
import { settle } from './fakes/manual-clock.ts'

const UNREACHABLE = 'TENANTRY_ERR_STORE_UNREACHABLE'
const NOT_FOUND = 'TENANTRY_ERR_TENANT_NOT_FOUND'
const LOOKUP_FAILED = 'TENANTRY_ERR_LOOKUP_FAILED'

t.test('a lookup that was older than its tenant is made up for by another', async (t) => {
  const scene = new HostScene({ acme: ['shop.example'], beta: [] })
  scene.authority.hold()
  const request = scene.ask('shop.example')
  await scene.clock.turn()
  const lookup = scene.authority.lookups.next().perform()
  scene.change('beta', ['shop.example'])
  scene.change('acme', [])
  lookup.answer()
  scene.authority.letGo()
  for (let turns = 0; turns < 6; turns += 1) {
    await scene.clock.turn()
    scene.authority.letGo()
  }
  t.equal(request.outcome, 'tenant:beta 2')
  t.equal(scene.authority.lookups.count, 2)
})

t.test('a lookup under way is joined', async (t) => {
  /** Two requests, and what happens between them; resolves to the number of lookups. */
  async function lookups(between: (scene: HostScene) => void, before?: (scene: HostScene) => void) {
    const scene = new HostScene({ acme: ['a.example'] })
    before?.(scene)
    scene.authority.hold()
    const first = scene.ask('a.example')
    await scene.clock.turn()
    between(scene)
    const second = scene.ask('a.example')
    await scene.clock.turn()
    const count = scene.authority.lookups.count
    for (let turns = 0; turns < 6; turns += 1) {
      scene.authority.letGo()
      await scene.clock.turn()
    }
    t.same([first.outcome, second.outcome], [scene.store.tokens.get('tenant:acme'), first.outcome])
    return count
  }
  t.equal(await lookups(() => {}), 1, 'under the same all-hosts')
  t.equal(await lookups((scene) => scene.restart(ALL_HOSTS)), 2, 'not after all-hosts was written')
  const forget = ({ store }: HostScene) => void store.tokens.delete(ALL_HOSTS)
  t.equal(await lookups(forget), 2, 'not after it was lost')
  t.equal(await lookups(() => {}, forget), 1, 'under the one that the first has claimed')
  t.equal(await lookups(forget, forget), 2, 'not if that was lost in between')

  t.test('and one that has failed is not', async (t) => {
    const scene = new HostScene({ acme: ['a.example'] })
    scene.authority.hold()
    const requests = [scene.ask('a.example'), scene.ask('a.example')]
    await scene.clock.turn()
    scene.authority.lookups.next().fail(new Error('no connection'))
    await settle()
    t.same(
      requests.map(({ outcome }) => outcome),
      [LOOKUP_FAILED, LOOKUP_FAILED],
    )
    scene.authority.letGo()
    t.equal(await scene.outcome('a.example'), 'acme 1')
  })

  t.test('an older lookup that ends does not end the newer one', async (t) => {
    const scene = new HostScene({ acme: ['a.example'] })
    scene.authority.hold()
    const first = scene.ask('a.example')
    await scene.clock.turn()
    scene.restart(ALL_HOSTS)
    scene.ask('a.example')
    await scene.clock.turn()
    scene.authority.lookups.next().answer()
    await settle()
    scene.ask('a.example')
    await scene.clock.turn()
    t.equal(scene.authority.lookups.count, 2, 'the third request has joined the second lookup')
    t.equal(first.outcome, 'waiting')
  })
})

t.test('G8: all-hosts is claimed when it is absent: the only write that a stranger can cause', async (t) => {
  const scene = new HostScene({})
  scene.store.tokens.clear()
  t.equal(await scene.outcome('a.example'), NOT_FOUND)
  const request = scene.acquire('no-such-tenant')
  for (let turns = 0; turns < 4; turns += 1) await scene.clock.turn()
  t.equal(request.outcome, NOT_FOUND)
  t.same([...scene.store.tokens.keys()], [ALL_HOSTS])

  const token = scene.store.tokens.get(ALL_HOSTS)
  t.equal(await scene.outcome('b.example'), NOT_FOUND)
  t.equal(scene.store.tokens.get(ALL_HOSTS), token, 'once')

  t.test('and while it cannot be claimed, an unknown host is 503', async (t) => {
    scene.store.tokens.clear()
    scene.store.claim = async () => {
      throw new Error('READONLY')
    }
    const refused = await scene.answer('c.example')
    t.equal(refused.outcome, UNREACHABLE)
    t.equal(scene.authority.lookups.count, 2, 'and is not looked up')
  })
})

t.test('a lookup that fails is 503', async (t) => {
  t.test('with the cause for the logs, told once when it begins and once when it ends', async (t) => {
    let broken = true
    const scene = new HostScene(
      { acme: ['a.example'] },
      {
        lookup: () => {
          if (broken) throw new Error('no connection')
          return 'acme'
        },
      },
    )
    for (let requests = 0; requests < 3; requests += 1) {
      const { error } = await scene.answer('a.example')
      t.match(error, {
        code: LOOKUP_FAILED,
        statusCode: 503,
        retryAfterMs: 1000,
        cause: { message: 'no connection' },
      })
      t.notMatch(error?.message, /connection/)
    }
    broken = false
    t.equal(await scene.outcome('a.example'), 'acme 1')
    t.same(
      scene.told.map(({ event }) => event),
      ['lookupFailed', 'lookupAnswered', 'built'],
    )
    t.match(scene.told[0], { error: { message: 'no connection' } })
  })

  t.test('when it rejects', async (t) => {
    const scene = new HostScene({}, { lookup: () => Promise.reject(new Error('no connection')) })
    t.match((await scene.answer('a.example')).error, {
      code: LOOKUP_FAILED,
      cause: { message: 'no connection' },
    })
  })

  t.test('when it returns what is no tenant id: nobody but the application is to blame', async (t) => {
    for (const id of ['', null, 7, ['acme'], 'x'.repeat(256), '\ud800']) {
      const scene = new HostScene({}, { lookup: () => id as string })
      const { error } = await scene.answer('a.example')
      t.match(error, {
        code: LOOKUP_FAILED,
        statusCode: 503,
        cause: { code: 'TENANTRY_ERR_TENANT_ID_INVALID' },
      })
    }
  })

  t.test('when its time is up; its slot is free, and its late answer changes nothing', async (t) => {
    const scene = new HostScene({ acme: ['a.example'] }, { maxConcurrentBuilds: 1, buildTimeoutMs: 1000 })
    scene.authority.hold()
    const requests = [scene.ask('a.example'), scene.ask('b.example')]
    await scene.clock.turn()
    const lookup = scene.authority.lookups.next()
    await scene.clock.advance(999)
    t.equal(requests[0]?.outcome, 'waiting')
    t.notOk(lookup.context.signal.aborted)
    t.same(scene.authority.lookups.held, [])
    await scene.clock.advance(1)
    t.match(requests[0]?.error, { code: LOOKUP_FAILED, cause: { code: 'TENANTRY_ERR_BUILD_TIMEOUT' } })
    t.ok(lookup.context.signal.aborted)
    t.equal((lookup.context.signal.reason as { code?: string }).code, 'TENANTRY_ERR_BUILD_TIMEOUT')

    scene.authority.lookups.next().answer()
    await settle()
    t.equal(requests[1]?.outcome, NOT_FOUND, 'whoever waited for the slot has had it')
    lookup.answer()
    await settle()
    scene.authority.letGo()
    t.equal(await scene.outcome('a.example'), 'acme 1')
    t.equal(scene.authority.lookups.count, 3)
  })
})

t.test('lookups have slots and a queue of their own', async (t) => {
  const scene = new HostScene({ acme: [] }, { maxConcurrentBuilds: 2, maxTenants: 3 })
  scene.authority.hold()
  const requests = Array.from({ length: 7 }, (_, index) => scene.ask(`${index}.example`))
  await scene.clock.turn()
  t.equal(scene.authority.lookups.held.length, 2)
  t.same(
    requests.map(({ outcome }) => outcome),
    [...Array(5).fill('waiting'), 'TENANTRY_ERR_BUILD_QUEUE_FULL', 'TENANTRY_ERR_BUILD_QUEUE_FULL'],
  )
  const known = scene.acquire('acme')
  for (let turns = 0; turns < 2; turns += 1) await scene.clock.turn()
  scene.authority.loads.next().answer()
  await settle()
  t.equal(known.outcome, 'acme 1', 'a known tenant does not wait for them')

  const asked: string[] = []
  while (scene.authority.lookups.held.length > 0) {
    t.ok(scene.authority.lookups.held.length <= 2)
    const lookup = scene.authority.lookups.next()
    asked.push(lookup.context.hostname)
    lookup.answer()
    await settle()
  }
  t.same(asked, ['0.example', '1.example', '2.example', '3.example', '4.example'], 'first come, first served')
})

t.test('when the pool closes', async (t) => {
  t.test('lookups end, and so do those who wait for one', async (t) => {
    const scene = new HostScene({}, { maxConcurrentBuilds: 1 })
    scene.authority.hold()
    const requests = ['a.example', 'b.example', 'c.example'].map(scene.ask)
    await scene.clock.turn()
    const lookup = scene.authority.lookups.next()
    await scene.pool.close()
    await settle()
    t.same(
      requests.map(({ outcome }) => outcome),
      Array(3).fill('TENANTRY_ERR_POOL_CLOSED'),
    )
    t.match(lookup.context.signal.reason, { code: 'TENANTRY_ERR_POOL_CLOSED' })
    t.equal(scene.authority.lookups.count, 1)
    t.equal(scene.clock.timers, 0)
    t.equal(scene.count('lookupFailed'), 0, 'that is no failure')
  })

  t.test('so do those who wait behind builds that ask whether a tenant exists', async (t) => {
    const scene = new HostScene({}, { maxConcurrentBuilds: 1 })
    scene.authority.hold()
    const builds = ['one', 'two'].map(scene.acquire)
    await scene.clock.turn()
    await scene.clock.turn()
    const lookup = scene.ask('a.example')
    await scene.clock.turn()
    await scene.pool.close()
    await settle()
    t.same(
      [...builds, lookup].map(({ outcome }) => outcome),
      Array(3).fill('TENANTRY_ERR_POOL_CLOSED'),
    )
  })
})
