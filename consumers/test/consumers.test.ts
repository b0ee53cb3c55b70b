import { cp, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeAtEnd, startMemcached, startRedis } from '@tenantry/testing'
import t from 'tap'
import { packPublished } from './support/pack.ts'
import { Project } from './support/project.ts'
import { startRegistry } from './support/registry.ts'

const PACKAGE = join(import.meta.dirname, '..')

// Outside this workspace: what a project has not installed it must not find.
const parent = await mkdtemp(join(tmpdir(), 'tenantry-consumers-'))
removeAtEnd(parent)
const tarballs = await packPublished(parent)
const registry = await startRegistry([...tarballs.values()])
t.teardown(() => registry.close())

t.test('a project that installs everything', async (t) => {
  const project = await newProject('everything')
  await cp(join(PACKAGE, 'projects'), project.directory, { recursive: true })
  const peers = ['express', 'fastify', 'ioredis', 'memcache-client', '@electric-sql/pglite', 'pg']
  const types = ['@types/express', '@types/node@20', '@types/pg']
  t.match(await project.npm('install', ...tarballs.keys(), ...peers, ...types), { code: 0 })

  t.test('has one copy of each package that ours share with it, and no peer that is unmet', async (t) => {
    for (const name of ['@tenantry/core', 'lru-cache', ...peers]) {
      t.equal((await project.copiesOf(name)).length, 1, name)
    }
    const listed = await project.npm('ls', '--all')
    t.match(listed, { code: 0 })
    t.notMatch(listed.output, /invalid|extraneous|UNMET DEPENDENCY/)
  })

  t.test(
    'is typechecked as strictly as TypeScript 5.9 and 7 can, declarations of ours included',
    async (t) => {
      const options = ['true', 'false'].map((exact) => ['--exactOptionalPropertyTypes', exact])
      const runs = ['typescript-5.9', 'typescript'].flatMap((compiler) =>
        options.map(async (option) => {
          const tsc = join(PACKAGE, 'node_modules', compiler, 'bin/tsc')
          // A folder for each: what they emit is run below.
          const args = [tsc, ...option, '--outDir', [compiler, ...option].join('')]
          const { output } = await project.run(process.execPath, args)
          t.same(output.split('\n').filter(isOurs), [], [compiler, ...option].join(' '))
        }),
      )
      await Promise.all(runs)
    },
  )

  t.test('runs, as modules and in CommonJS, without a warning', async (t) => {
    const [redis, memcached] = await Promise.all([startRedis(), startMemcached()])
    t.teardown(() => Promise.all([redis.stop(), memcached.stop()]))
    const env = { REDIS_URL: redis.url, MEMCACHED: memcached.address }
    const built = ['typescript.mjs', 'typescript.cjs'].map(
      (file) => `typescript--exactOptionalPropertyTypestrue/${file}`,
    )
    const runs = ['javascript.mjs', 'javascript.cjs', ...built].map(async (file) => {
      const ran = await project.run(process.execPath, [file], env)
      t.match(ran, { code: 0, output: /^# pass [1-9]/m }, file)
      t.notMatch(ran.output, /warning/i)
    })
    await Promise.all(runs)
  })
})

t.test('@tenantry/express brings no Express, and needs none', async (t) => {
  const project = await newProject('plain-http')
  t.match(await project.npm('install', '@tenantry/express'), { code: 0 })
  t.same(await project.copiesOf('express'), [])
  const program = `import { tenantry } from '@tenantry/express'; console.log(typeof tenantry)`
  t.match(await project.run(process.execPath, ['--input-type=module', '--eval', program]), {
    output: 'function',
  })
})

t.test('@tenantry/authority brings no database', async (t) => {
  const project = await newProject('authority')
  t.match(await project.npm('install', '@tenantry/authority'), { code: 0 })
  for (const name of ['pg', '@electric-sql/pglite']) t.same(await project.copiesOf(name), [])
})

t.test('a project on Express 4 keeps it, and gets no other', async (t) => {
  const project = await newProject('express-4')
  t.match(await project.npm('install', 'express@4', '@tenantry/express'), { code: 0 })
  t.match(await project.copiesOf('express'), [/^node_modules\/express 4\./])
})

t.test('a project on ioredis 5 is told of the conflict, and gets no second one', async (t) => {
  const project = await newProject('ioredis-5')
  t.match(await project.npm('install', 'ioredis@5'), { code: 0 })
  const refused = await project.npm('install', '@tenantry/redis')
  t.match(refused, { code: 1, output: /ERESOLVE(.|\n)*peer ioredis@"\^6\.0\.0" from @tenantry\/redis/ })
  t.match(await project.copiesOf('ioredis'), [/^node_modules\/ioredis 5\./])
})

function newProject(name: string): Promise<Project> {
  return Project.create({ parent, name, registry: registry.url })
}

/** PGlite's own declarations need types that it does not bring along. */
function isOurs(line: string): boolean {
  return line !== '' && !line.startsWith('node_modules/@electric-sql/pglite/')
}
