import { userInfo } from 'node:os'
import { eventually, startPostgres } from '@tenantry/testing'
import t from 'tap'
import { COMMAND_LINE, run, tenantry, tenantryOnTerminal } from './cli-support/command-line.ts'
import { startManaged } from './cli-support/managed.ts'

const ASKED = { by: 'test' }

/** Everything that could make a terminal do something. */
const HOSTILE = '\u001b]0;pwned\u0007\u009b31m\r\n\u202eevil'

const postgres = await startPostgres()
t.teardown(() => postgres.stop())

t.test('the command line', async (t) => {
  const managed = await startManaged(t, { databaseUrl: await postgres.newDatabase() })
  const { url, authority, tokens } = managed
  await managed.create('acme', 'globex', '..', '🦆/?#')
  const lastOf = async (tenant: string) => (await authority.listRestarts({ tenant, limit: 1 })).restarts[0]

  await t.test('lists tenants, all or those that match', async (t) => {
    const all = await tenantry(url, 'list')
    t.equal(all.status, 0)
    t.match(all.stdout, /^ID +NAME +HOST NAMES +VERSION\n/)
    t.match(all.stdout, /^acme +acme Ltd +acme\.localhost, www\.acme\.localhost +1$/m)
    t.match(all.stdout, /^🦆\/\?# +🦆\/\?# Ltd/m)
    const some = await tenantry(url, 'list', 'OBEX.local', '--json')
    t.match(JSON.parse(some.stdout), { tenants: [{ id: 'globex', version: 1 }] })
    t.equal(JSON.parse(some.stdout).tenants.length, 1)
    const none = await tenantry(url, 'list', 'nobody')
    t.strictSame([none.status, none.stdout], [0, "No tenant matches 'nobody'.\n"])
  })

  await t.test('restarts one tenant, or several, for a reason, in the name of its user', async (t) => {
    const one = await tenantry(url, 'restart', 'acme', '--reason', 'a new theme')
    t.equal(one.status, 0)
    const [token] = await tokens.read(['tenant:acme'])
    t.equal(one.stdout, `acme: restarted, token ${token}\n`)
    t.match(await lastOf('acme'), { by: userInfo().username, reason: 'a new theme' })

    const several = await tenantry(url, 'restart', 'globex', '..', 'globex', '--json')
    t.equal(several.status, 0)
    t.match(JSON.parse(several.stdout), {
      written: true,
      restarts: [{ tenant: 'globex', token: /./, written: true }, { tenant: '..' }],
    })
    t.equal(JSON.parse(several.stdout).restarts.length, 2)
  })

  await t.test('restarts none where one does not exist, and says so', async (t) => {
    const before = await tokens.read(['tenant:acme'])
    const { status, stdout, stderr } = await tenantry(url, 'restart', 'acme', 'nobody')
    t.strictSame([status, stdout], [1, ''])
    t.match(stderr, /no tenant "nobody"/)
    t.same(await tokens.read(['tenant:acme']), before)
  })

  await t.test('restarts all; it asks first, and without a terminal it has to be told', async (t) => {
    const before = await tokens.read(['all'])
    const unasked = await tenantry(url, 'restart', '--all', '--reason', 'a migration')
    t.strictSame([unasked.status, unasked.stdout], [2, ''])
    t.match(unasked.stderr, /^restart --all needs --yes/)
    t.same(await tokens.read(['all']), before, 'nothing is written')

    const piped = await tenantry(url, 'restart', '--all', '--yes', '--reason', 'a migration')
    t.equal(piped.status, 0)
    const [first] = await tokens.read(['all'])
    t.equal(piped.stdout, `all tenants: restarted, token ${first}\n`)

    const PROMPT = /Restart all tenants on every replica\? \[y\/N\] /
    for (const [type, status] of [
      ['n\n', 1],
      ['\n', 1],
      ['\u0004', 1],
      ['\u0003', 130],
    ] as const) {
      const asked = await tenantryOnTerminal(url, 'restart --all', { type, when: PROMPT })
      t.equal(asked.status, status, JSON.stringify(type))
    }
    t.same(await tokens.read(['all']), [first], 'nothing is written')
    t.equal((await tenantryOnTerminal(url, 'restart --all', { type: 'y\n', when: PROMPT })).status, 0)
    const [second] = await tokens.read(['all'])
    t.not(second, first)
    t.equal((await tenantryOnTerminal(url, 'restart --all --yes')).status, 0)
    t.notSame(await tokens.read(['all']), [second])
  })

  await t.test('tells a restart that is committed and not yet written apart: 3', async (t) => {
    const { write } = tokens
    tokens.write = () => Promise.reject(new Error('the store is silent'))
    t.teardown(() => Object.assign(tokens, { write }))
    const { status, stdout } = await tenantry(url, 'restart', 'acme')
    t.equal(status, 3)
    const { id } = (await lastOf('acme')) as { id: string }
    t.ok(stdout.startsWith(`acme: committed; it will be written as ${id}.… as soon as the store`), stdout)
    const waited = await tenantry(url, 'restart', 'acme', '--wait', '--timeout', '0.1')
    t.equal(waited.status, 3)
    t.match(waited.stdout, /not yet written to the store/)
    t.match((await tenantry(url, 'history', 'acme')).stdout, /not yet/)
    delete (tokens as Partial<typeof tokens>).write
    await eventually(async () => (await lastOf('acme'))?.writtenAt)
  })

  await t.test('tells where each replica is: 0, 3, or 4', async (t) => {
    await managed.hold('replica-1', 'acme')
    await managed.hold('replica-2', 'acme')
    const done = await tenantry(url, 'status', 'acme')
    t.equal(done.status, 0)
    t.match(done.stdout, /^acme: 2 of 2 replicas have it\n/)

    await managed.hold('replica-2', 'acme', '0.old')
    const behind = await tenantry(url, 'status', 'acme')
    t.equal(behind.status, 3)
    t.match(behind.stdout, /^acme: 1 of 2 replicas have it, 1 behind\n/)
    t.match(behind.stdout, /^replica-2 +behind /m)

    await managed.fail('replica-2', 'acme', 'theme.accent: expected a colour')
    const failed = await tenantry(url, 'status', 'acme')
    t.equal(failed.status, 4)
    t.match(failed.stdout, /^replica-2 +failed .+theme\.accent: expected a colour$/m)
    const json = await tenantry(url, 'status', 'acme', '--json')
    t.equal(json.status, 4)
    t.match(JSON.parse(json.stdout), { tenant: 'acme', converged: false, counts: { current: 1, failed: 1 } })
    const unknown = await tenantry(url, 'status', 'nobody', '--watch')
    t.strictSame([unknown.status, unknown.stdout], [1, ''])
    t.equal(unknown.stderr, 'There is no tenant "nobody"\n')
    t.equal((await tenantry(url, 'status', 'nobody')).stderr, unknown.stderr)
    for (const id of ['..', '🦆/?#']) {
      const { stdout } = await tenantry(url, 'status', id)
      t.ok(stdout.startsWith(`${id}: 0 of 2 replicas`), 'an id that looks like a path')
    }
  })

  await t.test(
    'tells what was done, also to a tenant that is gone, and not of one that never was',
    async (t) => {
      await managed.create('mayfly')
      await authority.changeTenant('mayfly', { version: 1, name: 'Mayfly' }, ASKED)
      await authority.addHostname('mayfly', 'mayfly.example', ASKED)
      await authority.restart(['mayfly'], ASKED)
      await authority.deleteTenant('mayfly', ASKED)
      await authority.restartAll(ASKED)
      const { status, stdout } = await tenantry(url, 'history', 'mayfly', '--limit', '6')
      t.equal(status, 0)
      const [heading, ...rows] = stdout.trim().split('\n')
      t.match(heading, /^RESTART +TENANT +WHAT +ASKED FOR +WRITTEN +BY +REASON$/)
      t.match(rows[0], /\(all tenants\) +restarted /)
      t.strictSame(
        rows.slice(1).map((row) => /mayfly +(.+?) {2}/.exec(row)?.[1]),
        ['deleted', 'restarted', 'host names', 'changed', 'created'],
      )
      t.match((await tenantry(url, 'history', '--limit', '3')).stdout, /\(the list of hosts\) +changed /)
      t.equal((await tenantry(url, 'history', 'mayfly', '--limit', '1')).status, 0, 'its own is further down')
      for (const options of [[], ['--json'], ['--limit', '1']]) {
        const none = await tenantry(url, 'history', 'nobody', ...options)
        t.strictSame([none.status, none.stdout, none.stderr], [1, '', 'There is no tenant "nobody"\n'])
      }
    },
  )

  await t.test('tells the history, and the replicas', async (t) => {
    const of = await tenantry(url, 'history', 'globex', '--json')
    t.equal(of.status, 0)
    const { restarts } = JSON.parse(of.stdout)
    t.ok(restarts.length >= 3)
    t.ok(restarts.every(({ tenant }: { tenant: string | null }) => tenant === 'globex' || tenant === null))
    const all = await tenantry(url, 'history', '--limit', '3')
    t.equal(all.stdout.trim().split('\n').length, 4, 'a heading and three lines')
    t.match((await tenantry(url, 'history', '--limit', '1000')).stdout, /\(all tenants\) .* a migration$/m)
    t.match((await tenantry(url, 'replicas')).stdout, /^replica-1 +1970-01-01T00:00:00.000Z +1 +0$/m)
    t.match(JSON.parse((await tenantry(url, 'replicas', '--json')).stdout), {
      replicas: [
        { replica: 'replica-1', tenants: 1 },
        { replica: 'replica-2', failed: 1 },
      ],
    })
  })

  await t.test('sends nothing to the terminal that a tenant could have chosen to', async (t) => {
    const id = `hostile${HOSTILE}`
    await authority.createTenant({ id, name: HOSTILE, hostnames: [], config: {} }, { by: HOSTILE })
    await managed.fail('replica-1', id, HOSTILE)
    const calls = [
      ['list'],
      ['list', '--json'],
      ['list', `nobody${HOSTILE}`],
      ['history', id],
      ['history', id, '--json'],
      ['status', id],
      ['status', id, '--json'],
      ['status', id, '--watch', '--timeout', '0.1'],
      ['restart', id, '--reason', HOSTILE],
      [HOSTILE],
      ['list', `--${HOSTILE}`],
    ]
    await Promise.all(
      calls.map(async (args) => {
        const { stdout, stderr } = await tenantry(url, ...args)
        t.notMatch(stdout + stderr, /[^\P{Cc}\n]|\u202e/u, `${args[0]}`)
        t.match(stdout + stderr, 'evil')
      }),
    )
    const { stdout } = await tenantry(url, 'list', 'hostile', '--json')
    t.equal(JSON.parse(stdout).tenants[0].name, HOSTILE, 'and loses nothing as JSON')
  })

  await t.test('ends without a word when nobody reads on', async (t) => {
    const line = `'${process.execPath}' '${COMMAND_LINE}' list | true`
    const { stderr } = await run('sh', ['-c', line], { MANAGER_URL: url })
    t.equal(stderr, '')
  })
})

t.test('the command line shows the key of the manager, and tells when it is wrong', async (t) => {
  const apiKey = 'correct-horse-battery-staple'
  const { url } = await startManaged(t, { databaseUrl: await postgres.newDatabase(), apiKey })
  const ask = (key: string) =>
    run(process.execPath, [COMMAND_LINE, 'list'], { MANAGER_URL: url, MANAGER_API_KEY: key })
  t.equal((await ask(apiKey)).status, 0)
  for (const key of ['', 'wrong']) {
    const { status, stdout, stderr } = await ask(key)
    t.strictSame([status, stdout], [1, ''])
    t.match(stderr, /MANAGER_API_KEY/)
  }
  const unusable = await ask('hunter2\n')
  t.equal(unusable.status, 2)
  t.notMatch(unusable.stderr, 'hunter2')
})
