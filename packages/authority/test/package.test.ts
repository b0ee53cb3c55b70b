import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { tenantKey } from '@tenantry/core'
import { startPostgres, startProcess, startRedis } from '@tenantry/testing'
import t from 'tap'
import { Authority, openDatabase, pgliteDatabase } from '../src/index.ts'

const root = join(import.meta.dirname, '..')

t.test('neither pg nor PGlite is loaded before a database of its kind is opened', async (t) => {
  const modules = new Set<string>()
  for (const file of await readdir(join(root, 'dist'))) {
    if (!file.endsWith('.js')) continue
    const source = await readFile(join(root, 'dist', file), 'utf8')
    const imports = source.matchAll(/^(?:import|export)\s(?:[^'"`]*?from\s)?['"]([^'"]+)['"]/gm)
    for (const [, name = ''] of imports) modules.add(name)
  }
  const others = [...modules].filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
  t.same(others.sort(), ['@tenantry/core', 'postgrator'])
})

t.test(
  'without a URL, the database is in this process, empty at first, and closed with its authority',
  async (t) => {
    const authority = new Authority(await openDatabase(undefined))
    await authority.migrate()
    await authority.migrate()
    t.match(await authority.listTenants({ limit: 1 }), { tenants: [], total: 0 })
    await Promise.all([authority.close(), authority.close()])
    const unreachable = { code: 'TENANTRY_ERR_AUTHORITY_UNREACHABLE', cause: { message: 'PGlite is closed' } }
    await t.rejects(authority.findTenant('acme'), unreachable)
    await t.rejects(authority.restartAll({ by: 'ada' }), unreachable)
  },
)

t.test(
  'a transaction on PGlite is rolled back when it fails, with the error as it was; what was given stays open',
  async (t) => {
    const db = await PGlite.create()
    t.teardown(() => db.close())
    const database = pgliteDatabase(db)
    await database.script(
      'create table numbers (number integer); insert into numbers values (1); insert into numbers values (2)',
    )
    const own = new Error('own')
    await t.rejects(
      database.transaction(async (sql) => {
        await sql.script('delete from numbers')
        throw own
      }),
      own,
    )
    await t.rejects(
      database.transaction((sql) => sql.query('selec')),
      { code: '42601' },
    )
    await t.rejects(database.script('selec'), { code: '42601' })
    await database.close()
    t.same((await database.query('select number from numbers order by 1')).rows, [
      { number: 1 },
      { number: 2 },
    ])
  },
)

t.test('the example of the README runs as it stands', async (t) => {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()])
  t.teardown(() => Promise.all([postgres.stop(), redis.stop()]))
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const [, example = ''] = /```js\n(.*?)```/s.exec(readme) ?? []
  t.ok(example.trim().split('\n').length <= 15, 'it has 15 lines at most')
  // Inside the package, where the packages that the example imports are found.
  await mkdir(join(root, '.tap'), { recursive: true })
  const directory = await mkdtemp(join(root, '.tap', 'readme-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const file = join(directory, 'example.js')
  // Only where its servers are, and that it tells when it is done, is other than in the README.
  const here = example
    .replace('postgres://localhost/tenantry', postgres.url)
    .replace('redis://localhost', redis.url)
  t.not(here, example)
  await writeFile(file, `${here}\nconsole.log('written: %s', written)`)
  const child = await startProcess(process.execPath, [file], { until: /^written: true$/ })
  t.teardown(() => child.stop())

  const authority = new Authority(await openDatabase(postgres.url))
  t.teardown(() => authority.close())
  t.match(await authority.findTenant('acme'), { name: 'Acme', config: { colour: 'red' } })
  t.equal(await authority.findTenantIdByHostname('acme.example'), 'acme')
  t.match(await redis.cli('GET', `tenantry:${tenantKey('acme')}`), /^1\./)
})
