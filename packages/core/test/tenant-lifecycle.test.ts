import t from 'tap'
import type { TenantryError } from '../src/errors.ts'
import { MemoryTokenStore } from '../src/memory-token-store.ts'
import { FailedRestarts, TenantLifecycle } from '../src/tenant-lifecycle.ts'
import { ALL, ALL_HOSTS } from '../src/token.ts'
import { RecordingTokenStore } from './fakes/recording-token-store.ts'
import { RejectingTokenStore } from './fakes/rejecting-token-store.ts'

t.test('a restart writes one new token to the key of its tenant', async (t) => {
  const store = new RecordingTokenStore(new MemoryTokenStore())
  const token = await new TenantLifecycle(store).restart('acme ltd')

  t.same(store.writes, [['tenant:acme%20ltd', token]])
  t.same(await store.read(['tenant:acme%20ltd']), [token], 'and has resolved when it can be read')
})

t.test('a restart of all tenants is one write', async (t) => {
  const store = new RecordingTokenStore(new MemoryTokenStore())
  const token = await new TenantLifecycle(store).restartAll()

  t.same(store.writes, [[ALL, token]])
  t.same(await store.read([ALL]), [token])
})

t.test('R5: every write goes out with a token of its own, also a repeated one', async (t) => {
  const rejecting = new RejectingTokenStore('tenant:acme', ALL)
  const store = new RecordingTokenStore(rejecting)
  const lifecycle = new TenantLifecycle(store)
  await t.rejects(lifecycle.restart('acme'))
  await t.rejects(lifecycle.restartMany(['acme', 'ajax']))
  await t.rejects(lifecycle.restartAll())
  await t.rejects(lifecycle.hostsChanged(['acme']))
  rejecting.rejected.clear()
  await lifecycle.restart('acme')
  await lifecycle.restartMany(['acme', 'ajax'])
  await lifecycle.restartAll()
  await lifecycle.hostsChanged(['acme'])

  t.equal(store.writes.length, 11)
  t.equal(new Set(store.writes.map(([, token]) => token)).size, 11)
})

t.test('tokens are made by the newToken that was given, once for each write', async (t) => {
  let made = 0
  const store = new RecordingTokenStore(new MemoryTokenStore())
  const lifecycle = new TenantLifecycle(store, { newToken: () => `token ${++made}` })

  t.equal(await lifecycle.restart('acme'), 'token 1')
  t.same(
    await lifecycle.restartMany(['acme', 'ajax']),
    new Map(Object.entries({ acme: 'token 2', ajax: 'token 3' })),
  )
  t.equal(await lifecycle.restartAll(), 'token 4')
  t.equal(await lifecycle.hostsChanged(['acme']), 'token 6')
  t.same(
    store.writes.map(([, token]) => token),
    [1, 2, 3, 4, 5, 6].map((number) => `token ${number}`),
  )
})

t.test('a restart that the store did not confirm rejects, and says that it must be repeated', async (t) => {
  const store = new RejectingTokenStore('tenant:acme', ALL)
  const lifecycle = new TenantLifecycle(store)

  await t.rejects(lifecycle.restart('acme'), {
    code: 'TENANTRY_ERR_RESTART_FAILED',
    message: 'The restart of tenant "acme" may not have been written: repeat it',
    cause: { message: 'tenant:acme cannot be written' },
  })
  await t.rejects(lifecycle.restartAll(), {
    code: 'TENANTRY_ERR_RESTART_FAILED',
    message: 'The restart of all tenants may not have been written: repeat it',
    cause: { message: 'all cannot be written' },
  })

  const broken = new TenantLifecycle(new MemoryTokenStore(), {
    newToken() {
      throw new Error('no random bits')
    },
  })
  await t.rejects(broken.restart('acme'), {
    code: 'TENANTRY_ERR_RESTART_FAILED',
    cause: { message: 'no random bits' },
  })
})

t.test('nothing is written when any id is invalid', async (t) => {
  const store = new RecordingTokenStore(new MemoryTokenStore())
  const lifecycle = new TenantLifecycle(store)
  const invalid = { code: 'TENANTRY_ERR_TENANT_ID_INVALID' }

  await t.rejects(lifecycle.restart(''), invalid)
  await t.rejects(lifecycle.restartMany(['acme', '']), invalid)
  await t.rejects(lifecycle.hostsChanged(['acme', 'a'.repeat(256)]), invalid)
  const noList = { ...invalid, message: 'Expected a list of tenant ids, got "acme"' }
  await t.rejects(lifecycle.restartMany('acme'), noList)
  await t.rejects(lifecycle.hostsChanged('acme'), noList)
  t.same(store.writes, [])
})

t.test('many restarts go out at once, each id once, in any iterable', async (t) => {
  const store = new RecordingTokenStore(new MemoryTokenStore())
  const lifecycle = new TenantLifecycle(store)
  const tokens = await lifecycle.restartMany(new Set(['acme', 'ajax', '…']))

  t.same([...tokens.keys()], ['acme', 'ajax', '…'])
  t.same([...tokens.values()], await store.read(['tenant:acme', 'tenant:ajax', 'tenant:%E2%80%A6']))
  t.same(
    store.log.map((entry) => entry.slice(0, 1)),
    ['>', '>', '>', '<', '<', '<'],
  )

  await lifecycle.restartMany(['acme', 'ajax', 'acme'])
  t.equal(store.writes.length, 5)
  t.same(await lifecycle.restartMany([]), new Map())
  t.equal(store.writes.length, 5)
})

t.test('when some of many restarts fail, the others are written and those are named', async (t) => {
  const store = new RejectingTokenStore('tenant:acme', 'tenant:bolt')
  const lifecycle = new TenantLifecycle(store)
  const error: TenantryError = await lifecycle.restartMany(['acme', 'ajax', 'bolt', 'acme']).then(
    () => t.bailout('it resolved'),
    (reason) => reason,
  )
  t.match(error, {
    code: 'TENANTRY_ERR_RESTART_FAILED',
    message: '2 of 3 restarts may not have been written: repeat them',
  })

  const cause = error.cause as FailedRestarts
  t.type(cause, FailedRestarts)
  t.type(cause, AggregateError)
  t.equal(cause.name, 'FailedRestarts')
  t.same(cause.ids, ['acme', 'bolt'])
  t.same(
    cause.errors.map(({ message }) => message),
    ['tenant:acme cannot be written', 'tenant:bolt cannot be written'],
  )
  t.match(await store.read(['tenant:acme', 'tenant:ajax', 'tenant:bolt']), [null, String, null])

  store.rejected.clear()
  t.same([...(await lifecycle.restartMany(cause.ids)).keys()], ['acme', 'bolt'])
})

t.test('a change of hosts is written in the given order, one by one, and all-hosts at the end', async (t) => {
  const store = new RecordingTokenStore(new MemoryTokenStore())
  const lifecycle = new TenantLifecycle(store)
  const token = await lifecycle.hostsChanged(new Set(['new', 'from']))

  t.same(store.log, [
    '> tenant:new',
    '< tenant:new',
    '> tenant:from',
    '< tenant:from',
    `> ${ALL_HOSTS}`,
    `< ${ALL_HOSTS}`,
  ])
  t.same(await store.read([ALL_HOSTS]), [token])

  store.writes.length = 0
  await lifecycle.hostsChanged(['b', 'a', 'b'])
  await lifecycle.hostsChanged([])
  t.same(
    store.writes.map(([key]) => key),
    ['tenant:b', 'tenant:a', ALL_HOSTS, ALL_HOSTS],
    'each id once, and all-hosts in any case',
  )
})

t.test('a change of hosts ends at the first write that fails, and is repeated as a whole', async (t) => {
  const whole = ['> tenant:new', '< tenant:new', '> tenant:from', '< tenant:from', `> ${ALL_HOSTS}`]
  for (const [rejected, log] of [
    ['tenant:new', [...whole.slice(0, 1), '! tenant:new']],
    ['tenant:from', [...whole.slice(0, 3), '! tenant:from']],
    [ALL_HOSTS, [...whole, `! ${ALL_HOSTS}`]],
  ] as const) {
    const store = new RecordingTokenStore(new RejectingTokenStore(rejected))
    await t.rejects(new TenantLifecycle(store).hostsChanged(['new', 'from']), {
      code: 'TENANTRY_ERR_RESTART_FAILED',
      message: 'The change of hosts may not have been written, or only in part: repeat all of it',
      cause: { message: `${rejected} cannot be written` },
    })
    t.same(store.log, log)
  }
})
