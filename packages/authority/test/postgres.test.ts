import { ALL_HOSTS, tenantKey } from '@tenantry/core'
import { eventually, startPostgres, startTcpProxy } from '@tenantry/testing'
import pg from 'pg'
import t, { type Test } from 'tap'
import { Authority, openDatabase, pgDatabase } from '../src/index.ts'
import { HOSTS_LOCK, MIGRATIONS_LOCK } from '../src/locks.ts'
import { migrate } from '../src/migrate.ts'

const asked = { by: 'ada' }
const unreachable = { code: 'TENANTRY_ERR_AUTHORITY_UNREACHABLE' }

const server = await startPostgres()
t.teardown(() => server.stop())

async function open(t: Test, url: string): Promise<Authority> {
  const authority = new Authority(await openDatabase(url))
  t.teardown(() => authority.close())
  return authority
}

/** An authority on a database of its own, with tenants that have a host name each. */
async function openWith(t: Test, ids: readonly string[]): Promise<{ authority: Authority; url: string }> {
  const url = await server.newDatabase()
  const authority = await open(t, url)
  await authority.migrate()
  for (const id of ids) {
    await authority.createTenant({ id, name: id, hostnames: [`${id}.example`], config: {} }, asked)
  }
  return { authority, url }
}

/** A connection past the authority: it holds locks, and looks at those who wait for them. */
async function connect(t: Test, url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  t.teardown(() => client.end())
  return client
}

async function untilWaiting(client: pg.Client, count: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await client.query(
      `select count(*)::integer as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows[0].count === count
  })
}

t.test(
  'managers that start together migrate one after the other, and later ones find nothing to do',
  async (t) => {
    const url = await server.newDatabase()
    const client = await connect(t, url)
    const managers = [await open(t, url), await open(t, url), await open(t, url)]
    await client.query(`select pg_advisory_lock(${MIGRATIONS_LOCK})`)
    const migrations = managers.map((manager) => manager.migrate())
    await untilWaiting(client, managers.length)
    await client.query(`select pg_advisory_unlock(${MIGRATIONS_LOCK})`)
    await Promise.all(migrations)
    const versions = async () =>
      (await client.query('select version, md5, run_at from tenantry.schema_version order by 1')).rows
    const migrated = await versions()
    t.same(
      migrated.map(({ version }) => version),
      ['0', '1', '2'],
    )
    await (await open(t, url)).migrate()
    t.same(await versions(), migrated)
  },
)

t.test('a database of an earlier version is brought up to date, with all that is in it', async (t) => {
  const url = await server.newDatabase()
  const database = await openDatabase(url)
  const authority = new Authority(database)
  t.teardown(() => authority.close())
  await migrate(database, '1')
  await database.query(
    `insert into tenantry.tenants (id, name, config, search_text) values ('acme', 'Acme', '{}', 'ACME')`,
  )
  await t.rejects(
    authority.restart(['acme'], asked),
    { code: '42P01' },
    'a mistake is not taken for a database that is away',
  )
  await authority.migrate()
  t.match(await authority.findTenant('acme'), { id: 'acme', version: 1 })
  t.match(await authority.restart(['acme'], asked), { restarts: [{ id: '1', key: tenantKey('acme') }] })
})

t.test('migrations that fail leave nothing behind', async (t) => {
  const url = await server.newDatabase()
  const client = await connect(t, url)
  await client.query('create schema tenantry; create table tenantry.restarts (id integer)')
  await t.rejects((await open(t, url)).migrate(), { code: '42P07' })
  const { rows } = await client.query(
    `select table_name from information_schema.tables where table_schema = 'tenantry'`,
  )
  t.same(rows, [{ table_name: 'restarts' }])
})

t.test(
  'a restart waits for the restarts of its keys before it takes its id, so ids are in the order of commits',
  async (t) => {
    const { authority, url } = await openWith(t, ['acme', 'bolt'])
    const [holder, watcher] = [await connect(t, url), await connect(t, url)]
    const lastId = async () =>
      (await watcher.query('select last_value from tenantry.restart_ids')).rows[0].last_value
    for (const [key, restarts] of [
      [
        tenantKey('acme'),
        [() => authority.restart(['acme'], asked), () => authority.restart(['bolt', 'acme'], asked)],
      ],
      [
        ALL_HOSTS,
        [
          () => authority.deleteTenant('bolt', asked),
          () => authority.createTenant({ id: 'crab', name: 'c', hostnames: [], config: {} }, asked),
        ],
      ],
    ] as const) {
      await holder.query('begin')
      await holder.query('select from tenantry.current_restarts where token_key = $1 for update', [key])
      const before = await lastId()
      const waiting = restarts.map((restart) => restart())
      await untilWaiting(watcher, 2)
      t.equal(await lastId(), before, 'no id is taken while the key is locked')
      await holder.query('commit')
      const committed = (await Promise.all(waiting)).flatMap(({ restarts }) =>
        restarts.filter((one) => one.key === key),
      )
      const last = Math.max(...committed.map(({ id }) => Number(id)))
      t.equal((await authority.findCurrentRestart(key))?.id, `${last}`, 'the last to commit has the highest')
    }
  },
)

t.test(
  'tenants and token keys are locked in one order, whatever the order in which they are named',
  async (t) => {
    const { authority, url } = await openWith(t, ['acme', 'bolt', 'crab'])
    const [holder, watcher] = [await connect(t, url), await connect(t, url)]
    for (const [lock, free, expected] of [
      [
        `select from tenantry.tenants where id = 'bolt' for update`,
        'select id as free from tenantry.tenants order by id for update skip locked',
        ['crab'],
      ],
      [
        `select from tenantry.current_restarts where token_key = 'tenant:bolt' for update`,
        `select token_key as free from tenantry.current_restarts order by token_key for update skip locked`,
        [ALL_HOSTS, tenantKey('crab')],
      ],
    ] as const) {
      await holder.query('begin')
      await holder.query(lock)
      const waiting = authority.restart(['crab', 'bolt', 'acme'], asked)
      await untilWaiting(watcher, 1)
      const { rows } = await watcher.query<{ free: string }>(free)
      t.same(
        rows.map((row) => row.free),
        expected,
        'what comes before it is locked, what comes after it is not',
      )
      await holder.query('commit')
      await waiting
    }
  },
)

t.test('the first restarts of a key at once are in order, too', async (t) => {
  const { authority, url } = await openWith(t, [])
  const watcher = await connect(t, url)
  await watcher.query('begin')
  await watcher.query(`insert into tenantry.current_restarts (token_key, restart_id) values ('all', 0)`)
  const waiting = [authority.restartAll(asked), authority.restartAll(asked)]
  const other = await connect(t, url)
  await untilWaiting(other, 2)
  await watcher.query('rollback')
  const ids = (await Promise.all(waiting)).map(({ restarts }) => Number(restarts[0]?.id))
  t.equal((await authority.findCurrentRestart('all'))?.id, `${Math.max(...ids)}`)
})

t.test(
  'changes of the same tenants and hosts at once wait for each other in one order, whoever moves what',
  async (t) => {
    const ids = ['a', 'b', 'c', 'd']
    const { authority, url } = await openWith(t, ids)
    const others = await Promise.all([1, 2].map(() => open(t, url)))
    const hostnames = ids.map((id) => `${id}.example`)
    let place = 0
    // A sequence that goes through all pairs, and is the same in each run.
    const pick = <T>(list: readonly T[]): T => {
      place = (place * 48_271 + 11) % 2_147_483_647
      return list[place % list.length] as T
    }
    async function change(index: number): Promise<unknown> {
      const manager = [authority, ...others][index % 3] as Authority
      const [to, from, hostname] = [pick(ids), pick(ids), pick(hostnames)]
      const kind = index % 5
      if (kind < 3) return await manager.addHostname(to, hostname, { ...asked, from })
      if (kind === 3) return await manager.restart([to, from], asked)
      const version = (await manager.findTenant(to))?.version ?? 0
      return await manager.changeTenant(to, { version, hostnames: [] }, asked)
    }
    const failed: { code: string }[] = []
    for (let round = 0; round < 8; round += 1) {
      // As many at once as there are connections: nobody waits for one.
      const changes = Array.from({ length: 30 }, (_, index) => change(index))
      for (const result of await Promise.allSettled(changes)) {
        if (result.status === 'rejected') failed.push(result.reason)
      }
    }
    const expected = ['TENANTRY_ERR_HOSTNAME_TAKEN', 'TENANTRY_ERR_VERSION_CONFLICT']
    t.same(
      failed.filter(({ code }) => !expected.includes(code)),
      [],
    )
    t.ok(failed.length < 240, 'some go well')

    const { rows } = await (await connect(t, url)).query(
      `select token_key from tenantry.current_restarts where restart_id <> (select max(id) from tenantry.restarts where restarts.token_key = current_restarts.token_key)`,
    )
    t.same(rows, [], 'the current restart of a key is its last')
  },
)

t.test('changes of host names run one at a time; other changes do not wait for them', async (t) => {
  const { authority, url } = await openWith(t, ['acme'])
  const holder = await connect(t, url)
  await holder.query(`select pg_advisory_lock(${HOSTS_LOCK})`)
  await authority.changeTenant('acme', { version: 1, name: 'renamed' }, asked)
  await authority.restart(['acme'], asked)
  const adding = authority.addHostname('acme', 'x.example', asked)
  await untilWaiting(holder, 1)
  await holder.query(`select pg_advisory_unlock(${HOSTS_LOCK})`)
  await adding
})

t.test('restarts that somebody else is marking are left to them', async (t) => {
  const { authority, url } = await openWith(t, ['acme'])
  const { restarts } = await authority.restart(['acme'], asked)
  const holder = await connect(t, url)
  await holder.query('begin')
  await holder.query('select from tenantry.restarts where id = $1 for update', [restarts[0]?.id])
  await authority.markWritten(restarts)
  t.match((await authority.listRestarts({ tenant: 'acme', limit: 2 })).restarts, [
    { writtenAt: null },
    { writtenAt: Date },
  ])
  await holder.query('rollback')
})

t.test('R2: a server that only reads is refused', async (t) => {
  const { authority, url } = await openWith(t, ['acme'])
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => {})
  t.teardown(() => pool.end())
  await server.restart({ standby: true })
  const error = { ...unreachable, cause: { message: 'The database is a standby: it only reads' } }
  await t.rejects(authority.findTenant('acme'), error)
  await t.rejects(authority.restart(['acme'], asked), error)
  await t.rejects(new Authority(pgDatabase(pool)).migrate(), {
    code: 'TENANTRY_ERR_OPTIONS_INVALID',
    message: 'Expected the primary of a Postgres database, got a standby, which only reads',
  })
  await server.restart()
  t.match(await authority.findTenant('acme'), { id: 'acme' })
})

t.test('a database that is away is told so, and found again', async (t) => {
  const { authority, url } = await openWith(t, ['acme'])
  await Promise.all([authority.findTenant('acme'), authority.findTenant('acme')])
  await server.kill()
  const calls: (() => Promise<unknown>)[] = [
    () => authority.findTenant('acme'),
    () => authority.listTenants({ limit: 1 }),
    () => authority.restartAll(asked),
    () => authority.migrate(),
    () => authority.reconcile(async () => {}),
  ]
  for (const call of calls) {
    await t.rejects(call(), {
      ...unreachable,
      message: 'The database cannot be reached just now',
      cause: Error,
    })
  }
  await server.restart()
  t.match(await authority.findTenant('acme'), { id: 'acme' })
  await t.rejects((await open(t, `${url}_nowhere`)).findTenant('acme'), {
    ...unreachable,
    cause: { code: '3D000' },
  })
})

t.test(
  'a silent database does not hold anybody for long, and its connections are not used again',
  async (t) => {
    const { url } = await openWith(t, ['acme'])
    const database = await openDatabase(`${url}?query_timeout=200`)
    t.teardown(() => database.close())
    let silenced: unknown
    const silent = database.transaction(async (sql) => {
      silenced = (await sql.query('select pg_backend_pid() as pid')).rows[0]
      server.pause()
      await sql.query('select 1')
    })
    await t.rejects(silent, { ...unreachable, cause: { message: 'Query read timeout' } })
    server.resume()
    const next = await database.transaction((sql) => sql.query('select pg_backend_pid() as pid'))
    t.notSame(next.rows[0], silenced, 'its transaction would still be open')

    // What the URL says comes before the defaults.
    const authority = await open(t, `${url}?query_timeout=200&connect_timeout=1`)
    await authority.findTenant('acme')
    server.pause()
    try {
      await t.rejects(authority.findTenant('acme'), {
        ...unreachable,
        cause: { message: 'Query read timeout' },
      })
      await t.rejects(authority.restart(['acme'], asked), unreachable)
    } finally {
      server.resume()
    }
    t.match(await authority.restart(['acme'], asked), { restarts: { length: 1 } })
  },
)

t.test('a connection that dies within a transaction ends the transaction, and nothing else', async (t) => {
  const { url } = await openWith(t, ['acme'])
  const database = await openDatabase(url)
  t.teardown(() => database.close())
  const killer = await connect(t, url)
  const pid = async (sql: { query: typeof database.query }) =>
    (await sql.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid
  await t.rejects(
    database.transaction(async (sql) => {
      await sql.query(`update tenantry.tenants set name = 'lost'`)
      await killer.query('select pg_terminate_backend($1)', [await pid(sql)])
      // Idle meanwhile, as while the reconciler waits for the token store.
      await eventually(async () =>
        sql.query('select 1').then(
          () => false,
          () => true,
        ),
      )
      await sql.query('select 1')
    }),
    unreachable,
  )
  const { rows } = await database.query('select name from tenantry.tenants')
  t.same(rows, [{ name: 'acme' }])

  const own = new Error('own')
  const pids = [await database.transaction(pid)]
  await t.rejects(
    database.transaction(async (sql) => {
      await sql.query(`update tenantry.tenants set name = 'lost'`)
      throw own
    }),
    own,
  )
  await t.rejects(
    database.transaction((sql) => sql.query('selec')),
    { code: '42601' },
  )
  pids.push(await database.transaction(pid))
  t.equal(pids[0], pids[1], 'after a rollback, a connection is used again')
  t.same((await database.query('select name from tenantry.tenants')).rows, [{ name: 'acme' }])
  await t.rejects(
    database.transaction((sql) => sql.query('selec').catch(() => {})),
    { message: 'Expected the transaction to be committed, got ROLLBACK' },
    'an error that is passed over does not pass for a commit',
  )
})

t.test('a commit that is not confirmed says that it may have been done', async (t) => {
  const { url, authority } = await openWith(t, ['acme'])
  const proxy = await startTcpProxy({ to: server.port })
  t.teardown(() => proxy.close())
  const behind = await open(t, proxy.urlOf(url))
  const held = proxy.holdWhen(/\bcommit\b/, { after: true })
  const changing = behind.changeTenant('acme', { version: 1, name: 'changed' }, asked)
  changing.catch(() => {})
  await held
  await eventually(async () => (await authority.findTenant('acme'))?.name === 'changed')
  proxy.cut()
  await t.rejects(changing, {
    ...unreachable,
    message: 'The database did not confirm it: it may have been done or not',
  })
})

t.test('what is opened is closed, what was given is not, and other URLs are refused', async (t) => {
  const { url } = await openWith(t, [])
  const pool = new pg.Pool({ connectionString: url })
  await pgDatabase(pool).close()
  await pool.query('select 1')
  await pool.end()
  const database = await openDatabase(url)
  await database.query('select 1')
  await Promise.all([database.close(), database.close()])
  await t.rejects(database.query('select 1'), unreachable)
  for (const other of ['', 'localhost', 'mysql://user:secret@localhost/db']) {
    const error: Error = await openDatabase(other).then(
      () => new Error('was opened'),
      (error) => error,
    )
    t.match(error, {
      code: 'TENANTRY_ERR_OPTIONS_INVALID',
      message: /^Expected the URL of a Postgres database \(postgres:\/\/…\), got (no URL|mysql:)$/,
    })
  }
})
