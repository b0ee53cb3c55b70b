import { eventually, startPostgres, startProcess } from '@tenantry/testing'
import t from 'tap'
import { COMMAND_LINE, tenantry, tenantryOnTerminal } from './cli-support/command-line.ts'
import { startManaged } from './cli-support/managed.ts'

const ASKED = { by: 'test' }

const postgres = await startPostgres()
t.teardown(() => postgres.stop())

t.test('the command line, where it waits,', async (t) => {
  const managed = await startManaged(t, { databaseUrl: await postgres.newDatabase() })
  const { url, authority } = managed
  await managed.create('acme', 'globex', '..')
  for (const replica of ['replica-1', 'replica-2']) await managed.hold(replica, 'acme')
  const lastOf = async (tenant: string) => (await authority.listRestarts({ tenant, limit: 1 })).restarts[0]

  await t.test('does not call it done while no replica shows that it can be built: 3', async (t) => {
    await managed.create('idle')
    await managed.fail('replica-1', 'idle', 'broken')
    const { stdout } = await tenantry(url, 'restart', 'idle', '--wait', '--timeout', '0.1')
    t.match(stdout, /^idle: 0 of 2 replicas have it, 2 not loaded$/m)
    t.match(stdout, /^replica-1 +not-loaded$/m, 'and nothing of the failure before')
    const calls = [
      ['restart', 'idle', '--wait', '--timeout', '0.1'],
      ['restart', 'idle', '--wait', '--timeout', '0.1', '--json'],
      ['status', 'idle'],
      ['status', 'idle', '--json'],
      ['status', 'idle', '--watch', '--timeout', '0.1'],
      ['status', 'idle', '--watch', '--timeout', '0.1', '--json'],
    ]
    await Promise.all(
      calls.map(async (args) => {
        const { status, stderr } = await tenantry(url, ...args)
        t.equal(status, 3, args.join(' '))
        t.equal(stderr, 'idle: no replica has built it yet: nothing shows yet that it can be built\n')
      }),
    )
    t.match(
      (await tenantryOnTerminal(url, 'status idle --watch --timeout 0.1')).stdout,
      /\[-+\] 0 of 2 .*, 2 not loaded/,
    )

    const waiting = await startProcess(process.execPath, [COMMAND_LINE, 'restart', 'idle', '--wait'], {
      env: { MANAGER_URL: url },
      until: /^idle: 0 of 2 replicas have it, 2 not loaded$/,
    })
    await managed.hold('replica-1', 'idle')
    t.equal(await waiting.exit, 0, 'one that has built it is enough')
    t.equal(waiting.lines.at(-1), 'idle: 1 of 2 replicas have it, 1 not loaded')
  })

  await t.test('watches until all replicas have it: a line for each change', async (t) => {
    await managed.hold('replica-1', 'acme', '0.old')
    await managed.hold('replica-2', 'acme', '0.old')
    const watching = await startProcess(process.execPath, [COMMAND_LINE, 'status', 'acme', '--watch'], {
      env: { MANAGER_URL: url },
      until: /^acme: 0 of 2 replicas have it, 2 behind$/,
    })
    await managed.hold('replica-1', 'acme')
    await eventually(() => watching.lines.at(-1) === 'acme: 1 of 2 replicas have it, 1 behind')
    await managed.hold('replica-2', 'acme')
    t.equal(await watching.exit, 0)
    t.equal(watching.lines.at(-1), 'acme: 2 of 2 replicas have it')

    await managed.hold('replica-2', 'acme', '0.old')
    const asJson = await startProcess(
      process.execPath,
      [COMMAND_LINE, 'status', 'acme', '--watch', '--json', '--timeout', '0'],
      {
        env: { MANAGER_URL: url },
        until: /"behind":1/,
      },
    )
    await managed.fail('replica-2', 'acme', 'broken')
    t.equal(await asJson.exit, 4, 'a failure ends it, too')
    t.match(
      asJson.lines.map((line) => JSON.parse(line)),
      [{ counts: { behind: 1 } }, { counts: { failed: 1 } }],
    )
  })

  await t.test('gives the watch up in time, or at Ctrl-C', async (t) => {
    await managed.hold('replica-2', 'acme', '0.old')
    const late = await tenantry(url, 'status', 'acme', '--watch', '--timeout', '0.2')
    t.equal(late.status, 3)
    t.match(late.stdout, /^replica-2 +behind/m)
    const watching = await startProcess(process.execPath, [COMMAND_LINE, 'status', 'acme', '--watch'], {
      env: { MANAGER_URL: url },
      until: /1 behind/,
    })
    t.equal(await watching.stop('SIGINT'), 130)
  })

  await t.test('shows a bar on a terminal, and leaves that as it was', async (t) => {
    await managed.hold('replica-2', 'acme', '0.old')
    const late = await tenantryOnTerminal(url, 'status acme --watch --timeout 0.2')
    t.equal(late.status, 3)
    t.match(late.stdout, /\[=+-+\] 1 of 2 replicas/)
    const interrupted = await tenantryOnTerminal(url, 'status acme --watch', {
      type: '\u0003',
      when: /1 of 2 replicas/,
    })
    t.equal(interrupted.status, 130)
    t.notMatch(interrupted.stdout.split('\u001b[?7h').at(-1), '\u001b[?7l', 'lines are wrapped again')
    await managed.hold('replica-2', 'acme')
    t.match((await tenantryOnTerminal(url, 'status acme --watch')).stdout, /\[=+\] 2 of 2 replicas/)
  })

  await t.test('waits on while nobody can tell who has taken it up: 3', async (t) => {
    const { heartbeats } = managed
    const silence = () => Object.assign(heartbeats, { read: () => Promise.reject(new Error('no Redis')) })
    const hear = () => delete (heartbeats as Partial<typeof heartbeats>).read
    t.teardown(hear)
    const SENTENCE = 'Redis cannot be reached: who has taken it up cannot be told'
    const unknown = {
      tenant: 'acme',
      converged: null,
      code: 'MANAGER_ERR_HEARTBEATS_UNREADABLE',
      message: SENTENCE,
    }
    silence()
    const before = (await lastOf('acme'))?.id
    const json = await tenantry(url, 'restart', 'acme', 'globex', '--wait', '--json', '--timeout', '0.1')
    t.strictSame([json.status, json.stderr], [3, `${SENTENCE}\n`])
    t.not((await lastOf('acme'))?.id, before)
    t.match(JSON.parse(json.stdout), {
      restarts: [{ tenant: 'acme', written: true }, { tenant: 'globex' }],
      convergence: [unknown, { ...unknown, tenant: 'globex' }],
    })
    const line = await tenantry(url, 'status', 'acme', '--watch', '--json', '--timeout', '0.1')
    t.strictSame([line.status, line.stderr], [3, `${SENTENCE}\n`])
    t.match(JSON.parse(line.stdout), unknown)
    const bar = await tenantryOnTerminal(url, 'status acme --watch --timeout 0.1')
    t.equal(bar.status, 3)
    t.match(bar.stdout, `0 of 0 replicas, ${SENTENCE}`)
    const once = await tenantry(url, 'status', 'acme')
    t.strictSame([once.status, once.stdout, once.stderr], [1, '', `${SENTENCE}\n`])

    for (const command of ['restart acme --wait', 'status acme --watch']) {
      silence()
      const waiting = await startProcess(process.execPath, [COMMAND_LINE, ...command.split(' ')], {
        env: { MANAGER_URL: url },
        until: (line) => line === `acme: ${SENTENCE}`,
      })
      for (const replica of ['replica-1', 'replica-2']) await managed.hold(replica, 'acme')
      hear()
      t.equal(await waiting.exit, 0, command)
      t.equal(waiting.lines.at(-1), 'acme: 2 of 2 replicas have it')
    }
  })

  await t.test('restarts and waits', async (t) => {
    await managed.hold('replica-1', 'globex')
    const waiting = await startProcess(
      process.execPath,
      [COMMAND_LINE, 'restart', 'acme', 'globex', '--wait'],
      {
        env: { MANAGER_URL: url },
        until: /^globex: 0 of 2 replicas have it, 1 behind, 1 not loaded$/,
      },
    )
    for (const id of ['acme', 'globex']) await managed.hold('replica-1', id)
    await managed.fail('replica-2', 'acme', 'broken')
    t.equal(await waiting.exit, 4)
    t.match(waiting.lines.join('\n'), /^globex: 1 of 2 replicas have it, 1 not loaded$/m)
    t.match(waiting.lines.join('\n'), /^replica-2 +failed .* broken$/m)

    const json = await startProcess(process.execPath, [COMMAND_LINE, 'restart', '..', '--wait', '--json'], {
      env: { MANAGER_URL: url },
    })
    const before = (await lastOf('..'))?.id
    await eventually(async () => (await lastOf('..'))?.id !== before)
    await managed.hold('replica-1', '..')
    t.equal(await json.exit, 0)
    t.match(JSON.parse(json.lines.join('')), {
      written: true,
      convergence: [{ tenant: '..', converged: true }],
    })

    await managed.create('leaver')
    const gone = await startProcess(
      process.execPath,
      [COMMAND_LINE, 'restart', 'leaver', 'globex', '--wait', '--json'],
      {
        env: { MANAGER_URL: url },
      },
    )
    await eventually(async () => (await lastOf('leaver'))?.cause === 'restart')
    await authority.deleteTenant('leaver', ASKED)
    await managed.hold('replica-1', 'globex')
    t.equal(await gone.exit, 1, 'a tenant that is deleted meanwhile')
    const sentence = 'There is no tenant "leaver"'
    t.ok(gone.lines.includes(sentence))
    t.match(JSON.parse(gone.lines.filter((line) => line !== sentence).join('')), {
      convergence: [
        { tenant: 'leaver', converged: null, passing: false },
        { tenant: 'globex', converged: true },
      ],
    })
  })
})
