import { ALL, ALL_HOSTS, type TenantryErrorCode, tenantKey } from '@tenantry/core'
import t, { type Test } from 'tap'
import type { Authority, Committed, NewTenant } from '../src/index.ts'
import { onEachDatabase } from './support/databases.ts'

const asked = { by: 'ada', reason: 'a test' }

function newTenant(id: string, rest: Partial<NewTenant> = {}): NewTenant {
  return { id, name: `The ${id}`, hostnames: [`${id}.example`], config: { colour: 'red' }, ...rest }
}

function keysOf({ restarts }: Committed<unknown>): string[] {
  return restarts.map(({ key }) => key)
}

async function refused(
  t: Test,
  promise: Promise<unknown>,
  code: TenantryErrorCode,
  message: string | RegExp,
): Promise<void> {
  await t.rejects(promise, { code, message })
}

/** All that there is, to be compared with what there was. */
async function everything(authority: Authority): Promise<unknown> {
  const { tenants } = await authority.listTenants({ limit: 1000 })
  return {
    tenants: await Promise.all(tenants.map(({ id }) => authority.findTenant(id))),
    restarts: await authority.listRestarts({ limit: 1000 }),
  }
}

onEachDatabase(t, async (t, open) => {
  await t.test('a tenant is created, found, changed and deleted, and each time restarted', async (t) => {
    const { authority } = await open(t)
    const config = {
      theme: { accent: '#c00' },
      list: [1, 2.5, -0.1, 1e300, true, null, 'ü 🦊'],
      '': {},
      __proto__: null,
    }
    const before = Date.now()
    const created = await authority.createTenant(
      newTenant('acme', { hostnames: ['Shop.Acme.Example.', 'acme.example', 'ACME.example'], config }),
      asked,
    )
    t.match(created.result, {
      id: 'acme',
      name: 'The acme',
      hostnames: ['acme.example', 'shop.acme.example'],
      version: 1,
    })
    t.same(created.result.config, config)
    t.ok(
      created.result.createdAt instanceof Date &&
        Math.abs(created.result.createdAt.getTime() - before) < 60_000,
    )
    t.same(keysOf(created), [tenantKey('acme'), ALL_HOSTS])
    t.same(await authority.findTenant('acme'), created.result)
    t.equal(await authority.findTenant('other'), undefined)

    const renamed = await authority.changeTenant('acme', { version: 1, name: 'ACME' }, asked)
    t.same({ ...renamed.result, updatedAt: 0 }, { ...created.result, name: 'ACME', version: 2, updatedAt: 0 })
    t.ok(renamed.result.updatedAt > created.result.updatedAt)
    t.same(keysOf(renamed), [tenantKey('acme')])

    const changed = await authority.changeTenant('acme', { version: 2, config: { now: 'this' } }, asked)
    t.match(changed.result, { name: 'ACME', version: 3, hostnames: ['acme.example', 'shop.acme.example'] })
    t.same(changed.result.config, { now: 'this' })
    t.same(keysOf(changed), [tenantKey('acme')])

    const rehosted = await authority.changeTenant(
      'acme',
      { version: 3, hostnames: ['new.example', 'acme.example'] },
      asked,
    )
    t.match(rehosted.result, {
      version: 4,
      hostnames: ['acme.example', 'new.example'],
      config: { now: 'this' },
    })
    t.same(keysOf(rehosted), [tenantKey('acme'), ALL_HOSTS])
    t.equal(await authority.findTenantIdByHostname('shop.acme.example'), undefined)
    t.equal(await authority.findTenantIdByHostname('NEW.example'), 'acme')

    const same = await authority.changeTenant(
      'acme',
      { version: 4, name: 'ACME', hostnames: ['NEW.example', 'acme.example'] },
      asked,
    )
    t.equal(same.result.version, 5, 'what changes nothing is a change, too')
    t.same(keysOf(same), [tenantKey('acme')], 'the set of hosts is the same')

    const deleted = await authority.deleteTenant('acme', asked)
    t.equal(deleted.result, undefined)
    t.same(keysOf(deleted), [tenantKey('acme'), ALL_HOSTS])
    t.equal(await authority.findTenant('acme'), undefined)
    t.equal(await authority.findTenantIdByHostname('new.example'), undefined)
    t.equal(
      (await authority.listRestarts({ tenant: 'acme', limit: 100 })).restarts.length,
      6,
      'the history stays',
    )
    await refused(
      t,
      authority.deleteTenant('acme', asked),
      'TENANTRY_ERR_TENANT_NOT_FOUND',
      'There is no tenant "acme"',
    )

    const again = await authority.createTenant(newTenant('acme'), asked)
    t.equal(again.result.version, 1)
    t.ok(
      BigInt(again.restarts[0]?.id ?? 0) > BigInt(deleted.restarts[0]?.id ?? 0),
      'its restarts go on from where they were',
    )
  })

  await t.test(
    'a host name moves from one tenant to another, and both are restarted, the new owner first',
    async (t) => {
      const { authority } = await open(t)
      // Whichever of the two comes first by its id.
      for (const [from, to] of [
        ['a', 'z'],
        ['y', 'b'],
      ] as const) {
        await authority.createTenant(
          newTenant(from, { hostnames: [`${from}.example`, `shop-of-${from}.example`] }),
          asked,
        )
        await authority.createTenant(newTenant(to), asked)
        const moved = await authority.addHostname(to, `Shop-of-${from}.example`, { ...asked, from })
        t.match(moved.result, {
          id: to,
          version: 2,
          hostnames: [`shop-of-${from}.example`, `${to}.example`].sort(),
        })
        t.match(await authority.findTenant(from), { version: 2, hostnames: [`${from}.example`] })
        t.same(keysOf(moved), [tenantKey(to), tenantKey(from), ALL_HOSTS])
        const ids = moved.restarts.map(({ id }) => BigInt(id))
        t.same(
          ids,
          ids.toSorted((one, other) => Number(one - other)),
          'their ids are in the order in which to write them',
        )
        t.equal(await authority.findTenantIdByHostname(`shop-of-${from}.example`), to)

        const repeated = await authority.addHostname(to, `shop-of-${from}.example`, { ...asked, from })
        t.match(repeated.result, {
          version: 3,
          hostnames: [`shop-of-${from}.example`, `${to}.example`].sort(),
        })
        t.same(keysOf(repeated), [tenantKey(to), ALL_HOSTS], 'the old owner has given it up already')
      }
    },
  )

  await t.test('host names are added and removed one by one', async (t) => {
    const { authority } = await open(t)
    await authority.createTenant(newTenant('acme'), asked)
    await authority.createTenant(newTenant('bolt'), asked)
    const added = await authority.addHostname('acme', 'Bücher.example', asked)
    t.match(added.result, { version: 2, hostnames: ['acme.example', 'xn--bcher-kva.example'] })
    t.same(keysOf(added), [tenantKey('acme'), ALL_HOSTS])
    t.match((await authority.addHostname('acme', 'acme.example', asked)).result, {
      version: 3,
      hostnames: { length: 2 },
    })

    const removed = await authority.removeHostname('acme', 'bücher.example', asked)
    t.match(removed.result, { version: 4, hostnames: ['acme.example'] })
    t.same(keysOf(removed), [tenantKey('acme'), ALL_HOSTS])

    const before = await everything(authority)
    const invalid = 'TENANTRY_ERR_TENANT_INVALID'
    await refused(
      t,
      authority.removeHostname('acme', 'bücher.example', asked),
      invalid,
      'Expected hostname to be one of the host names of tenant "acme", got "xn--bcher-kva.example"',
    )
    await refused(
      t,
      authority.removeHostname('acme', 'bolt.example', asked),
      invalid,
      /one of the host names of tenant "acme"/,
    )
    await refused(
      t,
      authority.removeHostname('none', 'bolt.example', asked),
      'TENANTRY_ERR_TENANT_NOT_FOUND',
      'There is no tenant "none"',
    )
    await refused(
      t,
      authority.addHostname('none', 'new.example', asked),
      'TENANTRY_ERR_TENANT_NOT_FOUND',
      'There is no tenant "none"',
    )
    await refused(t, authority.addHostname('acme', 'a..b', asked), 'TENANTRY_ERR_HOST_INVALID', /"a\.\.b"/)
    await refused(
      t,
      authority.removeHostname('acme', '127.0.0.1', asked),
      'TENANTRY_ERR_HOST_INVALID',
      /"127\.0\.0\.1"/,
    )
    await refused(t, authority.findTenantIdByHostname('a b'), 'TENANTRY_ERR_HOST_INVALID', /"a b"/)
    const many = Array.from({ length: 100 }, (_, index) => `h${index}.example`)
    await refused(
      t,
      authority.changeTenant('acme', { version: 4, hostnames: [...many, 'one-more.example'] }, asked),
      invalid,
      'Expected hostnames to be at most 100 host names, got 101',
    )
    t.same(await everything(authority), before)
    await authority.changeTenant('acme', { version: 4, hostnames: many }, asked)
    await refused(
      t,
      authority.addHostname('acme', 'one-more.example', asked),
      invalid,
      'Expected hostnames to be at most 100 host names, got 101',
    )
    t.equal(await authority.findTenantIdByHostname('one-more.example'), undefined)
  })

  await t.test('what is refused changes nothing, and nobody loses what they have changed', async (t) => {
    const { authority } = await open(t)
    await authority.createTenant(newTenant('acme'), asked)
    await authority.createTenant(newTenant('bolt'), asked)
    await authority.changeTenant('acme', { version: 1, config: { of: 'the first operator' } }, asked)
    const before = await everything(authority)

    const conflict = 'TENANTRY_ERR_VERSION_CONFLICT'
    await refused(
      t,
      authority.changeTenant('acme', { version: 1, config: { of: 'the second' } }, asked),
      conflict,
      'Tenant "acme" has been changed meanwhile: expected version 2, got 1',
    )
    await refused(
      t,
      authority.changeTenant('acme', { version: 3, name: 'x', hostnames: ['x.example'] }, asked),
      conflict,
      /expected version 2, got 3/,
    )
    await refused(
      t,
      authority.changeTenant('acme', { version: 2 ** 40, name: 'x' }, asked),
      conflict,
      /expected version 2/,
    )
    await refused(
      t,
      authority.changeTenant('none', { version: 1, name: 'x' }, asked),
      'TENANTRY_ERR_TENANT_NOT_FOUND',
      'There is no tenant "none"',
    )
    await refused(
      t,
      authority.createTenant(newTenant('acme', { hostnames: ['x.example'] }), asked),
      'TENANTRY_ERR_TENANT_EXISTS',
      'There is a tenant "acme" already',
    )

    const taken = 'TENANTRY_ERR_HOSTNAME_TAKEN'
    const message = 'The host name "bolt.example" belongs to tenant "bolt"'
    await refused(
      t,
      authority.createTenant(newTenant('new', { hostnames: ['x.example', 'BOLT.example'] }), asked),
      taken,
      message,
    )
    await refused(
      t,
      authority.changeTenant('acme', { version: 2, config: {}, hostnames: ['bolt.example'] }, asked),
      taken,
      message,
    )
    await refused(t, authority.addHostname('acme', 'bolt.example', asked), taken, message)
    await refused(
      t,
      authority.addHostname('acme', 'bolt.example', { ...asked, from: 'other' }),
      taken,
      message,
    )

    await refused(
      t,
      authority.restart(['acme', 'none', 'bolt'], asked),
      'TENANTRY_ERR_TENANT_NOT_FOUND',
      'There is no tenant "none"',
    )
    t.same(await everything(authority), before)

    const [one, other] = await Promise.allSettled(
      ['one', 'other'].map((name) => authority.changeTenant('acme', { version: 2, name }, asked)),
    )
    t.same([one?.status, other?.status].sort(), ['fulfilled', 'rejected'], 'of two at once, one is refused')
  })

  await t.test('restarts have ids that grow, and a history that says who, when and why', async (t) => {
    const { authority } = await open(t)
    for (const id of ['acme', 'bolt', 'ünï c/ode'])
      await authority.createTenant(newTenant(id, { hostnames: [] }), asked)
    const many = await authority.restart(['ünï c/ode', 'acme', 'bolt', 'acme'], { by: 'grace' })
    t.same(
      keysOf(many),
      [tenantKey('ünï c/ode'), tenantKey('acme'), tenantKey('bolt')],
      'each once, in the order given',
    )
    const all = await authority.restartAll({ by: 'grace', reason: '' })
    t.same(keysOf(all), [ALL])
    t.same(keysOf(await authority.restart([], asked)), [])

    const { restarts, next } = await authority.listRestarts({ limit: 4 })
    t.match(restarts, [
      { key: ALL, tenant: null, by: 'grace', reason: null, writtenAt: null },
      { key: tenantKey('bolt'), tenant: 'bolt', by: 'grace', reason: null },
      { key: tenantKey('acme'), tenant: 'acme' },
      { key: tenantKey('ünï c/ode'), tenant: 'ünï c/ode' },
    ])
    t.ok(restarts[0] && Math.abs(restarts[0].requestedAt.getTime() - Date.now()) < 60_000)
    t.same(
      restarts.map(({ id }) => id).reverse(),
      [...many.restarts, ...all.restarts].map(({ id }) => id),
    )
    t.equal(next, restarts.at(-1)?.id)
    const rest = await authority.listRestarts({ limit: 6, before: next ?? '' })
    t.match(rest, { restarts: { length: 6 }, next: null })
    t.match(rest.restarts[0], { key: ALL_HOSTS, tenant: null, by: 'ada', reason: 'a test' })

    const ofAcme = await authority.listRestarts({ tenant: 'acme', limit: 10 })
    t.same(
      ofAcme.restarts.map(({ tenant }) => tenant),
      [null, 'acme', 'acme'],
      'a restart of all is one of its own, too',
    )
    t.same(await authority.findCurrentRestart(tenantKey('acme')), ofAcme.restarts[1])
    const current = await authority.listCurrentRestarts({ limit: 3 })
    const [coded] = many.restarts
    t.same(
      current.restarts.map(({ key }) => key),
      [ALL, ALL_HOSTS, coded?.key],
      'by their bytes',
    )
    t.same([current.restarts[0], current.restarts[2]], [all.restarts[0], coded])
    t.equal(current.next, coded?.key)
    const further = await authority.listCurrentRestarts({ after: current.next ?? '', limit: 3 })
    t.same(further, { restarts: [many.restarts[1], many.restarts[2]], next: null })
    t.equal((await authority.findCurrentRestart(ALL))?.id, all.restarts[0]?.id)
    t.equal(await authority.findCurrentRestart(tenantKey('none')), undefined)
  })

  await t.test('the history says what each restart was committed with', async (t) => {
    const { authority } = await open(t)
    await authority.createTenant(newTenant('acme'), asked)
    await authority.createTenant(newTenant('bolt'), asked)
    const since = (await authority.listRestarts({ limit: 1 })).restarts[0]?.id as string
    await authority.changeTenant('acme', { version: 1, config: {} }, asked)
    await authority.changeTenant('acme', { version: 2, hostnames: ['acme.example', 'a.test'] }, asked)
    await authority.changeTenant('acme', { version: 3, name: 'A', hostnames: ['a.test'] }, asked)
    await authority.addHostname('bolt', 'a.test', { ...asked, from: 'acme' })
    await authority.removeHostname('bolt', 'a.test', asked)
    await authority.restart(['bolt'], asked)
    await authority.deleteTenant('bolt', asked)

    const { restarts } = await authority.listRestarts({ limit: 100 })
    const told = restarts.toReversed().map(({ id, tenant, cause }) => ({ id, what: `${cause} ${tenant}` }))
    t.same(
      told.slice(0, 4).map(({ what }) => what),
      ['create acme', 'create null', 'create bolt', 'create null'],
    )
    t.same(
      told.slice(told.findIndex(({ id }) => id === since) + 1).map(({ what }) => what),
      [
        'change acme',
        ...['hostnames acme', 'hostnames null'],
        ...['change acme', 'change null'],
        ...['hostnames bolt', 'hostnames acme', 'hostnames null'],
        ...['hostnames bolt', 'hostnames null'],
        'restart bolt',
        ...['delete bolt', 'delete null'],
      ],
    )
  })

  await t.test(
    'a restart that is marked as written marks the earlier ones of its key, and tells of a later one',
    async (t) => {
      const { authority } = await open(t)
      await authority.createTenant(newTenant('acme'), asked)
      await authority.createTenant(newTenant('bolt'), asked)
      const [second, third] = [
        await authority.restart(['acme'], asked),
        await authority.restart(['acme'], asked),
      ]
      t.same(await authority.markWritten(second.restarts), third.restarts)
      const written = async (tenant: string) =>
        (await authority.listRestarts({ tenant, limit: 10 })).restarts.map(
          ({ writtenAt }) => writtenAt !== null,
        )
      t.same(await written('acme'), [false, true, true])
      t.same(await written('bolt'), [false])
      t.same(await authority.markWritten(third.restarts), [])
      t.same(await written('acme'), [true, true, true])
      const [{ writtenAt } = { writtenAt: null }] = (
        await authority.listRestarts({ tenant: 'acme', limit: 1 })
      ).restarts
      await authority.markWritten(third.restarts)
      t.same(
        (await authority.findCurrentRestart(tenantKey('acme')))?.writtenAt,
        writtenAt,
        'when it was first seen there',
      )
    },
  )

  await t.test('tenants are listed by id, page by page, and searched', async (t) => {
    const { authority } = await open(t)
    t.same(await authority.listTenants({ limit: 10 }), { tenants: [], total: 0, next: null })
    const names: Record<string, string> = {
      acme: 'Straße',
      Bolt: '100 % wool_',
      crab: 'ΌΣΟΣ back\\slash',
      ä: 'last by its bytes',
      '🦊': 'fox',
    }
    for (const [id, name] of Object.entries(names)) {
      await authority.createTenant(
        { id, name, hostnames: id === 'crab' ? ['my_shop.sea.example', 'b.example'] : [], config: {} },
        asked,
      )
    }
    const ids = async (search?: string) =>
      (await authority.listTenants({ search, limit: 10 })).tenants.map(({ id }) => id)
    t.same(await ids(), ['Bolt', 'acme', 'crab', 'ä', '🦊'])
    t.same(await ids(''), await ids())

    const first = await authority.listTenants({ limit: 2 })
    t.match(first, {
      tenants: [{ id: 'Bolt', name: '100 % wool_', hostnames: [], version: 1 }, { id: 'acme' }],
      total: 5,
      next: 'acme',
    })
    t.notOk('config' in (first.tenants[0] ?? {}))
    const second = await authority.listTenants({ limit: 3, after: first.next ?? '' })
    t.match(second, {
      tenants: [{ id: 'crab', hostnames: ['b.example', 'my_shop.sea.example'] }, { id: 'ä' }, { id: '🦊' }],
      total: 5,
      next: null,
    })
    t.match(await authority.listTenants({ limit: 3, after: '🦊' }), { tenants: [], total: 5, next: null })

    for (const [search, found] of Object.entries({
      bOL: ['Bolt'],
      STRASSE: ['acme'],
      straße: ['acme'],
      Ä: ['ä'],
      όσο: ['crab'],
      Όσος: ['crab'],
      'SEA.': ['crab'],
      '%': ['Bolt'],
      _: ['Bolt', 'crab'],
      '\\': ['crab'],
      '🦊': ['🦊'],
      '0 % w': ['Bolt'],
      '0_%': [],
      nobody: [],
      '\0': [],
      '\ud83e': [],
    })) {
      t.same(await ids(search), found, JSON.stringify(search))
    }
    t.match(await authority.listTenants({ search: 'o', limit: 1 }), {
      tenants: [{ id: 'Bolt' }],
      total: 3,
      next: 'Bolt',
    })
    await authority.changeTenant('Bolt', { version: 1, name: 'Renamed' }, asked)
    t.same([await ids('wool'), await ids('rename')], [[], ['Bolt']])
  })

  await t.test('what is no id, no limit and no place in a list is refused', async (t) => {
    const { authority } = await open(t)
    for (const id of ['', '\0', 'a\0b', '\ud800', 'x'.repeat(256), 7 as never]) {
      const code = 'TENANTRY_ERR_TENANT_ID_INVALID'
      await t.rejects(authority.findTenant(id), { code })
      await t.rejects(authority.createTenant(newTenant('x', { id }), asked), { code })
      await t.rejects(authority.changeTenant(id, { version: 1 }, asked), { code })
      await t.rejects(authority.deleteTenant(id, asked), { code })
      await t.rejects(authority.addHostname(id, 'x.example', asked), { code })
      await t.rejects(authority.addHostname('x', 'x.example', { ...asked, from: id }), { code })
      await t.rejects(authority.removeHostname(id, 'x.example', asked), { code })
      await t.rejects(authority.restart(['x', id], asked), { code })
      await t.rejects(authority.listTenants({ after: id, limit: 1 }), { code })
      await t.rejects(authority.listRestarts({ tenant: id, limit: 1 }), { code })
    }
    await t.rejects(authority.restart('acme' as never, asked), {
      code: 'TENANTRY_ERR_TENANT_ID_INVALID',
      message: 'Expected a list of tenant ids, got "acme"',
    })
    for (const limit of [0, -1, 1.5, 10_001, Number.NaN]) {
      const error = {
        code: 'TENANTRY_ERR_OPTIONS_INVALID',
        message: `Expected limit to be a whole number from 1 to 10000, got ${limit}`,
      }
      await t.rejects(authority.listTenants({ limit }), error)
      await t.rejects(authority.listRestarts({ limit }), error)
    }
    for (const before of ['', 'x', '-1', '1.0', '9'.repeat(19)]) {
      await t.rejects(authority.listRestarts({ before, limit: 1 }), {
        code: 'TENANTRY_ERR_OPTIONS_INVALID',
        message: `Expected before to be the id of a restart, got "${before}"`,
      })
    }
  })

  await t.test('a read ends when its signal fires', async (t) => {
    const { authority } = await open(t)
    await authority.createTenant(newTenant('acme'), asked)
    const controller = new AbortController()
    const { signal } = controller
    t.match(await authority.findTenant('acme', { signal }), { id: 'acme' })
    const reading: Promise<unknown>[] = [
      authority.findTenant('acme', { signal }),
      authority.findTenantIdByHostname('acme.example', { signal }),
    ]
    const reason = new Error('enough')
    controller.abort(reason)
    for (const read of reading) await t.rejects(read, reason)
    await t.rejects(authority.findTenant('acme', { signal }), reason)
    t.match(await authority.findTenant('acme'), { id: 'acme' })
  })
})
