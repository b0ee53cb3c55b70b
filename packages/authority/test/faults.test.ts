import { MemoryTokenStore } from '@tenantry/core'
import { startPostgres } from '@tenantry/testing'
import t from 'tap'
import { Authority, type Database, openDatabase, Reconciler, RestartWriter } from '../src/index.ts'
import { keepChronicle } from './support/faults/chronicle.ts'
import { type Connections, runWorld } from './support/faults/world.ts'

/** `FAULT_SEEDS=17` runs what the seed 17 stands for, `FAULT_SEEDS=1-5000` as many as that: for an hour of leisure. */
const SEEDS = seedsOf(process.env.FAULT_SEEDS)

function seedsOf(given: string | undefined): number[] {
  if (given === undefined) return [1, 2, 3, 4]
  const [first = 1, last = first] = given.split('-').map(Number)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

async function connect(): Promise<Connections> {
  const server = await startPostgres()
  t.teardown(() => server.stop())
  const url = await server.newDatabase()
  async function open(): Promise<Database> {
    const database = await openDatabase(url)
    t.teardown(() => database.close())
    return database
  }
  const watcher = await open()
  await new Authority(watcher).migrate()
  await keepChronicle(watcher)
  return { managers: [await open(), await open(), await open()], replicas: await open(), watcher }
}

t.test('a restart that was being noted when the connection was lost is noted by the next look', async (t) => {
  const { managers, watcher } = await connect()
  const [database] = managers as [Database]
  const authority = new Authority(database)
  const tokens = new MemoryTokenStore()
  const asked = { by: 'ada' }
  await authority.createTenant({ id: 'acme', name: 'Acme', hostnames: [], config: {} }, asked)
  const reconciler = new Reconciler({ authority, tokens })
  await reconciler.runOnce()
  const [first] = (await authority.restart(['acme'], asked)).restarts
  const second = await authority.restart(['acme'], asked)
  await t.rejects(
    watcher.transaction(async (sql) => {
      // As a reconciler does, which then goes on with other keys.
      await sql.query('update tenantry.restarts set written_at = now() where id = $1', [first?.id])
      await new RestartWriter({ authority, tokens }).write(second.restarts)
      throw new Error('The connection is lost')
    }),
  )
  const writtenAt = async () =>
    (await authority.listRestarts({ tenant: 'acme', limit: 2 })).restarts.map((restart) => restart.writtenAt)
  t.match(await writtenAt(), [Date, null], 'the later one is noted, and the earlier one is left')
  // The first of them leaves it, as it may be being noted still.
  for (const _ of [1, 2]) t.equal(await reconciler.runOnce(), 'done')
  t.match(await writtenAt(), [Date, Date])
})

t.test('G1, G5, R5: whatever fails, in whatever order, no restart is lost', async (t) => {
  const connections = await connect()
  for (const seed of SEEDS) t.same(await runWorld(seed, connections), [], `FAULT_SEEDS=${seed}`)
})
