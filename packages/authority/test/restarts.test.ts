import { ALL, ALL_HOSTS, MemoryTokenStore, type TokenKey, tenantKey } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import t, { type Test } from 'tap'
import {
  type Authority,
  type Database,
  Reconciler,
  type ReconcilerEvents,
  RestartWriter,
} from '../src/index.ts'
import { type Open, onEachDatabase } from './support/databases.ts'
import { ManualTimers } from './support/manual-timers.ts'
import { Wall } from './support/wall.ts'

const asked = { by: 'ada' }
const [acme, bolt] = [tenantKey('acme'), tenantKey('bolt')]

/** The walls of all tests. */
const walls: Wall[] = []

interface Scene {
  readonly authority: Authority
  readonly database: Database
  readonly wall: Wall
  readonly writer: RestartWriter
  readonly reconciler: Reconciler
  /** What the reconciler has told. */
  readonly told: [keyof ReconcilerEvents, unknown?][]
}

/** Two tenants, `acme` and `bolt`, all of whose restarts have been written. */
async function setUp(t: Test, open: Open): Promise<Scene> {
  const { authority, database } = await open(t)
  const wall = new Wall(new MemoryTokenStore())
  const writer = new RestartWriter({ authority, tokens: wall })
  const reconciler = new Reconciler({ authority, tokens: wall })
  const told: Scene['told'] = []
  reconciler.on('rewritten', (event) => told.push(['rewritten', event]))
  reconciler.on('failed', (event) => told.push(['failed', event]))
  reconciler.on('recovered', () => told.push(['recovered']))
  for (const id of ['acme', 'bolt']) {
    await writer.write(
      (await authority.createTenant({ id, name: id, hostnames: [`${id}.example`], config: {} }, asked))
        .restarts,
    )
  }
  wall.log.length = 0
  walls.push(wall)
  return { authority, database, wall, writer, reconciler, told }
}

async function unwritten(authority: Authority): Promise<TokenKey[]> {
  const { restarts } = await authority.listRestarts({ limit: 10_000 })
  return restarts.flatMap(({ key, writtenAt }) => (writtenAt === null ? [key] : []))
}

function startsWithId(id: string | undefined): RegExp {
  return new RegExp(`^${id}\\.[\\w-]{22}$`)
}

onEachDatabase(t, async (t, open) => {
  await t.test('a restart is written as its id and a new token, and noted', async (t) => {
    const { authority, wall, writer } = await setUp(t, open)
    const { restarts } = await authority.restart(['bolt', 'acme'], asked)
    t.same(await unwritten(authority), [acme, bolt])
    const { written, tokens } = await writer.write(restarts)
    t.equal(written, true)
    t.same([...tokens.keys()], [bolt, acme])
    for (const { id, key } of restarts) {
      t.match(tokens.get(key), startsWithId(id))
      t.equal(await wall.at(key), tokens.get(key))
    }
    t.same(await unwritten(authority), [])
    t.same(wall.log, [`> ${bolt}`, `> ${acme}`, `< ${bolt}`, `< ${acme}`], 'all at once')
    const again = await writer.write(restarts)
    t.not(again.tokens.get(acme), tokens.get(acme), 'R5: each time another value')
    t.same(await writer.write([]), { written: true, tokens: new Map() })
  })

  await t.test(
    'with the set of hosts, restarts are written one after the other, up to the first that fails',
    async (t) => {
      const { authority, wall, writer } = await setUp(t, open)
      const { restarts } = await authority.addHostname('acme', 'bolt.example', { ...asked, from: 'bolt' })
      t.match(await writer.write(restarts), { written: true })
      t.same(wall.log, [
        `> ${acme}`,
        `< ${acme}`,
        `> ${bolt}`,
        `< ${bolt}`,
        `> ${ALL_HOSTS}`,
        `< ${ALL_HOSTS}`,
      ])

      wall.log.length = 0
      wall.refuses = (key) => key === acme
      const back = await authority.addHostname('bolt', 'bolt.example', { ...asked, from: 'acme' })
      const { written, tokens } = await writer.write(back.restarts)
      t.equal(written, false)
      t.same(wall.log, [`> ${bolt}`, `< ${bolt}`, `> ${acme}`])
      t.same([...tokens.keys()], [bolt, acme, ALL_HOSTS], 'also what was not confirmed, or not sent at all')
      t.same(await unwritten(authority), [ALL_HOSTS, acme])
    },
  )

  await t.test('of restarts that are written at once, each counts by itself', async (t) => {
    const { authority, wall, writer } = await setUp(t, open)
    wall.refuses = (key) => key === acme
    t.match(await writer.write((await authority.restart(['acme', 'bolt'], asked)).restarts), {
      written: false,
    })
    t.same(await unwritten(authority), [acme])
  })

  await t.test('a restart that was written, and could not be noted, is written', async (t) => {
    const { authority, wall, reconciler, told } = await setUp(t, open)
    const failing = new RestartWriter({
      authority: { markWritten: () => Promise.reject(new Error('no database')) } as unknown as Authority,
      tokens: wall,
    })
    t.match(await failing.write((await authority.restart(['acme'], asked)).restarts), { written: true })
    t.same(await unwritten(authority), [acme])
    t.equal(await reconciler.runOnce(), 'done')
    t.same(await unwritten(authority), [])
    t.same(told, [], 'what is there is not written again')
  })

  await t.test('restarts that are written the other way round end at the later one', async (t) => {
    const { authority, wall, writer } = await setUp(t, open)
    const [first, second] = [
      await authority.restart(['acme'], asked),
      await authority.restart(['acme'], asked),
    ]
    await writer.write(second.restarts)
    await writer.write(first.restarts)
    t.match(await wall.at(acme), startsWithId(second.restarts[0]?.id))
    t.same(await unwritten(authority), [])
  })

  await t.test('a crash between the commit and the write loses nothing', async (t) => {
    const { authority, wall, reconciler, told } = await setUp(t, open)
    const { restarts } = await authority.restart(['bolt', 'acme'], asked)
    const [ofBolt, ofAcme] = restarts
    const before = await wall.at(bolt)
    t.equal(await reconciler.runOnce(), 'done')
    t.match(await wall.at(acme), startsWithId(ofAcme?.id))
    t.match(await wall.at(bolt), startsWithId(ofBolt?.id))
    t.same(await unwritten(authority), [])
    t.match(told, [
      ['rewritten', { ...ofBolt, found: before }],
      ['rewritten', ofAcme],
    ])
    t.equal(await reconciler.runOnce(), 'done')
    t.equal(told.length, 2, 'what stands is left alone')
  })

  await t.test('whatever else stands in the store is replaced, in the order of the hosts', async (t) => {
    const { authority, wall, writer, reconciler, told } = await setUp(t, open)
    await writer.write((await authority.restartAll(asked)).restarts)
    const ids = new Map<TokenKey, string | undefined>()
    for (const key of [acme, bolt, ALL, ALL_HOSTS])
      ids.set(key, (await authority.findCurrentRestart(key))?.id)
    // The id itself without the dot; the id as the beginning of another one; what a replica has claimed.
    const others = new Map([
      [acme, ids.get(acme)],
      [bolt, `${ids.get(bolt)}2.x`],
      [ALL, 'claimed'],
      [ALL_HOSTS, ''],
    ])
    for (const [key, value] of others) await wall.put(key, value as string)
    wall.log.length = 0
    t.equal(await reconciler.runOnce(), 'done')
    for (const [key, id] of ids) t.match(await wall.at(key), startsWithId(id), key)
    t.match(
      told,
      [...others].map(([key, found]) => ['rewritten', { key, id: ids.get(key), found }]),
    )
    t.same(
      wall.log,
      [acme, bolt, ALL, ALL_HOSTS].flatMap((key) => [`> ${key}`, `< ${key}`]),
    )
  })

  await t.test(
    'most looks are at what is not known to be written, and was so at the look before',
    async (t) => {
      const { authority, wall, reconciler, told } = await setUp(t, open)
      await reconciler.runOnce()
      await wall.put(acme, 'by hand')
      const { restarts } = await authority.restart(['bolt'], asked)
      const [restart] = restarts
      t.equal(await reconciler.runOnce(), 'done')
      t.same(told, [], 'the one who has committed it is writing it')
      await reconciler.runOnce()
      t.match(told, [['rewritten', restart]])
      for (let looks = 3; looks < 10; looks += 1) await reconciler.runOnce()
      t.equal(told.length, 1)
      await reconciler.runOnce()
      t.match(told.slice(1), [['rewritten', { key: acme, found: 'by hand' }]], 'every tenth is at all keys')
    },
  )

  await t.test('a store that fails ends a look; that is told once, and once when it is over', async (t) => {
    const { authority, wall, reconciler, told } = await setUp(t, open)
    await reconciler.runOnce()
    const error = new Error('The store is down')
    wall.before = () => Promise.reject(error)
    await authority.restart(['acme'], asked)
    await reconciler.runOnce()
    t.same([await reconciler.runOnce(), await reconciler.runOnce()], ['failed', 'failed'])
    t.same(told, [['failed', { error }]])
    wall.before = async () => {}
    await wall.put(bolt, 'what an old snapshot held')
    t.equal(await reconciler.runOnce(), 'done')
    t.match(
      told.slice(1),
      [['rewritten', { key: bolt }], ['rewritten', { key: acme }], ['recovered']],
      'all keys are looked at',
    )
    t.same(await unwritten(authority), [])
  })

  await t.test('what was written before the store failed is noted', async (t) => {
    const { authority, wall, reconciler } = await setUp(t, open)
    await authority.restart(['acme', 'bolt'], asked)
    wall.refuses = (key) => key === bolt
    t.equal(await reconciler.runOnce(), 'failed')
    t.same(await unwritten(authority), [bolt])
  })

  await t.test('an authority that fails is told, too', async (t) => {
    const { authority, database, reconciler, told } = await setUp(t, open)
    await database.query('alter table tenantry.current_restarts rename to moved')
    t.equal(await reconciler.runOnce(), 'failed')
    t.match(told, [['failed', { error: { message: /current_restarts/ } }]])
    await database.query('alter table tenantry.moved rename to current_restarts')
    t.equal(await reconciler.runOnce(), 'done')
    t.match(told.slice(1), [['recovered']])
    t.same(await unwritten(authority), [])
  })

  await t.test(
    'however many keys are gone, all are written, and a failure does not begin from the start',
    async (t) => {
      const { authority, database, wall, reconciler, told } = await setUp(t, open)
      await database.query(
        `insert into tenantry.tenants (id, name, search_text, config) select 't' || n, 'x', 'X', '{}' from generate_series(1, 1200) as n`,
      )
      const ids = Array.from({ length: 1200 }, (_, index) => `t${index + 1}`)
      await authority.restart(ids, asked)
      const reads: number[] = []
      wall.before = async (operation, keys) => void (operation === 'read' && reads.push(keys.length))
      wall.refuses = (key) => key === tenantKey('t700')
      t.equal(await reconciler.runOnce(), 'failed')
      t.same(reads, [500, 500])
      t.equal((await unwritten(authority)).length, 203, 'two batches are noted, but for the one that failed')
      wall.refuses = () => false
      t.equal(await reconciler.runOnce(), 'done')
      t.same(await unwritten(authority), [])
      t.equal(told.filter(([name]) => name === 'rewritten').length, 1200)
      for (const id of ids) if (!/^\d+\./.test(String(await wall.at(tenantKey(id))))) t.fail(id)
    },
  )

  await t.test('it looks at once when it starts, and then again and again, until it is closed', async (t) => {
    const { authority, wall } = await setUp(t, open)
    const clock = new ManualTimers()
    const reconciler = new Reconciler({ authority, tokens: wall, everyMs: 70, clock })
    let looks = 0
    wall.before = async (operation) => {
      if (operation === 'read') looks += 1
    }
    reconciler.start()
    reconciler.start()
    const waits = () => [...clock.waiting.values()].map(({ ms }) => ms)
    t.same(waits(), [0])
    clock.run()
    await eventually(() => clock.waiting.size === 1)
    t.same(waits(), [70])
    t.equal(looks, 1)

    await authority.restart(['acme'], asked)
    let proceed: (() => void) | undefined
    wall.before = (operation) =>
      operation === 'read'
        ? new Promise((resolve) => {
            proceed = resolve
          })
        : Promise.resolve()
    for (let index = 0; index < 3 && proceed === undefined; index += 1) {
      clock.run()
      await eventually(() => proceed !== undefined || clock.waiting.size === 1)
    }
    let isClosed = false
    const closing = reconciler.close().then(() => {
      isClosed = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    t.equal(isClosed, false, 'the look that is under way is waited for')
    proceed?.()
    await closing
    t.same(waits(), [])
    t.same(await unwritten(authority), [], 'and it has done its work')
    t.equal(await reconciler.runOnce(), 'elsewhere', 'nothing is done afterwards')
    reconciler.start()
    t.same(waits(), [])
  })

  await t.test('R5: no value was sent twice, whatever failed', async (t) => {
    const values = walls.flatMap((wall) => wall.values)
    t.ok(values.length > 1000)
    t.equal(new Set(values).size, values.length)
  })
})
