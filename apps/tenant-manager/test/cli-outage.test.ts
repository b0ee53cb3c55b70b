import { startProcess } from '@tenantry/testing'
import t from 'tap'
import { COMMAND_LINE, tenantry } from './cli-support/command-line.ts'
import { serversFor, startManager, startReplica } from './support/processes.ts'

const SENTENCE = 'Redis cannot be reached: who has taken it up cannot be told'

t.test('a restart while Redis is down is waited for until Redis is back', async (t) => {
  const { newPlaces, redis } = await serversFor(t)
  const places = await newPlaces()
  const manager = await startManager(t, places)
  const replica = await startReplica(t, places, 'one')
  const url = `http://127.0.0.1:${manager.port}`
  const acme = { id: 'acme', name: 'Acme', hostnames: ['acme.example'], config: {} }
  t.equal((await manager.tell('POST /api/tenants', acme)).status, 201)
  t.equal((await replica.get('acme.example')).status, 200)
  t.equal((await tenantry(url, 'restart', 'acme')).status, 0)

  await redis.kill()
  const { status, stdout, stderr } = await tenantry(
    url,
    'restart',
    'acme',
    '--wait',
    '--timeout',
    '1.5',
    '--json',
  )
  t.strictSame([status, stderr], [3, `${SENTENCE}\n`])
  t.match(JSON.parse(stdout), {
    written: false,
    restarts: [{ tenant: 'acme', written: false }],
    convergence: [{ tenant: 'acme', converged: null }],
  })

  const waiting = await startProcess(process.execPath, [COMMAND_LINE, 'restart', 'acme', '--wait'], {
    env: { MANAGER_URL: url },
    until: (line) => line === `acme: ${SENTENCE}`,
  })
  const announced = /will be written as (\d+\.)…/.exec(waiting.lines[0] ?? '')?.[1] ?? 'no number'
  await redis.restart()
  // Somebody goes on asking for the tenant, until a replica has it.
  while (waiting.child.exitCode === null) await replica.get('acme.example')
  t.equal(await waiting.exit, 0)
  t.equal(waiting.lines.at(-1), 'acme: 1 of 1 replicas have it')
  const token = await redis.cli('get', 'tenantry:tenant:acme')
  t.ok(token.startsWith(announced), `${token} begins with ${announced}`)
})
