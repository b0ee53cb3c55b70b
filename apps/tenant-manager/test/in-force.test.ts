import { eventually } from '@tenantry/testing'
import t from 'tap'
import {
  allWritten,
  type ManagerProcess,
  serversFor,
  startManager,
  startReplica,
} from './support/processes.ts'

const { redis, newPlaces } = await serversFor(t)

t.test('restarts go on while Redis is flushed, stopped and replaced by an empty one', async (t) => {
  const places = await newPlaces()
  const replicas = [await startReplica(t, places, 'one'), await startReplica(t, places, 'two')]
  const managers = [await startManager(t, places), await startManager(t, places)]
  const [manager] = managers as [ManagerProcess]
  const ids = Array.from({ length: 10 }, (_, index) => `tenant-${index}`)
  const newest = new Map<string, { version: number; tagline: string }>()
  for (const id of ids) {
    const tenant = { id, name: id, hostnames: [`${id}.example`], config: { tagline: 'first' } }
    t.equal((await manager.tell('POST /api/tenants', tenant)).status, 201)
    newest.set(id, { version: 1, tagline: 'first' })
  }

  const statuses = new Set<number>()
  let changes = 0
  /** Each tenant is changed once, by one manager or the other, and asked for meanwhile. */
  async function round(): Promise<void> {
    await Promise.all(
      ids.map(async (id, index) => {
        const { version } = newest.get(id) as { version: number }
        changes += 1
        const tagline = `change ${changes}`
        const by = managers[(index + changes) % 2] as ManagerProcess
        const { status } = await by.tell(`PATCH /api/tenants/${id}`, { version, config: { tagline } })
        statuses.add(status)
        newest.set(id, { version: version + 1, tagline })
        await Promise.all(replicas.map((replica) => replica.get(`${id}.example`)))
      }),
    )
  }

  const disasters: Record<string, () => Promise<unknown>> = {
    'flushed in the middle': () => Promise.all([round(), redis.cli('flushall')]),
    'killed in the middle': () => Promise.all([round(), redis.kill()]),
    'replaced by an empty one in the middle': () => Promise.all([round(), redis.restart()]),
    silent: async () => {
      redis.pause()
      await round()
      redis.resume()
    },
    'replaced by an empty one between two rounds': () => redis.restart(),
  }
  for (const [name, disaster] of Object.entries(disasters)) {
    await round()
    await disaster()
    t.pass(name)
  }
  t.same([...statuses].sort(), [200, 202], 'some restarts were written at once, others later')

  const restarts = await allWritten(manager, redis)
  t.equal(restarts.filter(({ key }) => key.startsWith('tenant:')).length, ids.length + changes)
  for (const [id, { tagline }] of newest) {
    for (const replica of replicas) {
      await eventually(async () => (await replica.tagline(`${id}.example`)) !== 503)
      t.equal(await replica.tagline(`${id}.example`), tagline, `${id} as it is now`)
    }
  }
})

t.test('G1: what the manager answers is in force from the next request on', async (t) => {
  const places = await newPlaces()
  const { tell } = await startManager(t, places)
  const replicas = [await startReplica(t, places, 'one'), await startReplica(t, places, 'two')]
  const served = (host: string) => Promise.all(replicas.map((replica) => replica.tagline(host)))
  const create = (id: string) =>
    tell('POST /api/tenants', { id, name: id, hostnames: [`${id}.example`], config: { tagline: id } })

  t.same(await served('one.example'), [404, 404])
  t.equal((await create('one')).status, 201)
  t.equal((await create('two')).status, 201)
  t.same(await served('one.example'), ['one', 'one'], 'a tenant that was created')

  await tell('PATCH /api/tenants/one', { version: 1, config: { tagline: 'changed' } })
  t.same(await served('one.example'), ['changed', 'changed'], 'a configuration that was changed')

  t.same(await served('more.example'), [404, 404])
  t.equal((await tell('POST /api/tenants/one/hostnames', { hostname: 'more.example' })).status, 200)
  t.same(await served('more.example'), ['changed', 'changed'], 'a host name that was added')

  const move = { hostname: 'more.example', from: 'one' }
  t.equal((await tell('POST /api/tenants/two/hostnames', move)).status, 200)
  t.same(await served('more.example'), ['two', 'two'], 'a host name that was moved')
  t.same(await served('one.example'), ['changed', 'changed'])

  t.equal((await tell('DELETE /api/tenants/two/hostnames/more.example')).status, 200)
  t.same(await served('more.example'), [404, 404], 'a host name that was removed')

  t.equal((await tell('DELETE /api/tenants/one')).status, 204)
  t.same(await served('one.example'), [404, 404], 'a tenant that was deleted')

  t.equal((await create('one')).status, 201)
  t.same(await served('one.example'), ['one', 'one'], 'and one that was created anew')

  const before = await Promise.all(replicas.map((replica) => replica.get('one.example')))
  t.match((await tell('POST /api/restart', { all: true })).reply, { written: true })
  const after = await Promise.all(replicas.map((replica) => replica.get('one.example')))
  for (const [index, answer] of after.entries())
    t.not(answer.json().builtAt, before[index]?.json().builtAt, 'a restart of all')
})
