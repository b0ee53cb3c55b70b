import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ask, eventually, freePort, startProcess, startRedis } from '@tenantry/testing'
import ts from '@typescript/typescript6'
import t, { type Test } from 'tap'

const root = join(import.meta.dirname, '..')
const dist = new URL('../dist/', import.meta.url)

t.test('nothing reachable from the package imports Express, nor do its types', async (t) => {
  const ours = ['@tenantry/core', '@tenantry/core/adapter']
  const expected = { 'index.js': ours, 'index.d.ts': [...ours, 'node:http', 'node:http2'] }
  for (const [entry, modules] of Object.entries(expected)) {
    t.strictSame(await reach(entry), modules, entry)
  }
})

t.test('every kind of import is seen', async (t) => {
  const source = `
    /// <reference types="f" />
    import 'a'; import b from 'b'; export * from 'c'; await import('d'); require('e')
    // import 'not this'
  `
  t.strictSame(importsOf(source), ['a', 'b', 'c', 'd', 'e', 'f'])
})

t.test('the examples of the README run as they stand', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const examples = Array.from(readme.matchAll(/```js\n(.*?)```/gs), ([, example = '']) => example)
  const [express, errors, closing, nodeHttp] = examples as [string, string, string, string]
  t.ok(express.trim().split('\n').length <= 16, 'the first one is short')
  const answer = async (port: number, host: string, path = '/') => {
    const { status, body } = await ask(port, path, { headers: { host } })
    return `${status} ${body}`
  }
  const notFound = /^404 \S*TENANTRY_ERR_TENANT_NOT_FOUND/

  await t.test('with Express: a restart by hand is seen, and it ends well', async (t) => {
    const failing = `
      app.get('/begins', (req, res, next) => res.write('begun', () => next(new Error('late'))))
      app.get('/leases', (req, res) => res.json(tenants.pool.stats().leases))
    `
    const app = express.replace('const server', `${failing}${errors}$&`)
    const { port, stop } = await run(t, redis.url, [app, closing])
    await eventually(async () => (await answer(port, 'unknown.test', '/healthz')) === '200 ok', {
      timeoutMs: 20_000,
    })
    t.equal(await answer(port, 'acme.localhost'), '200 Hello from Acme\n')
    t.equal(await answer(port, 'globex.localhost'), '200 Hello from Globex\n')
    t.match(await answer(port, 'initech.localhost'), notFound)
    t.match(await redis.cli('GET', 'tenantry:tenant:acme.localhost'), /^[\w-]{22}$/)
    await t.rejects(answer(port, 'acme.localhost', '/begins'))
    // One is the asker's own.
    await eventually(async () => (await answer(port, 'acme.localhost', '/leases')) === '200 1', {
      timeoutMs: 10_000,
    })
    t.equal(await stop(), 0)
  })

  await t.test('with plain node:http', async (t) => {
    const { port } = await run(t, redis.url, [nodeHttp])
    const greeting = '200 Hello from Acme\n'
    await eventually(async () => (await answer(port, 'acme.localhost')) === greeting, { timeoutMs: 20_000 })
    t.match(await answer(port, 'initech.localhost'), notFound)
  })
})

/** The other modules that the built files import to which `entry` leads. */
async function reach(entry: string): Promise<string[]> {
  const files = new Set([new URL(entry, dist).href])
  const modules = new Set<string>()
  // A Set yields what is added to it meanwhile, too.
  for (const file of files) {
    for (const name of importsOf(await readFile(new URL(file), 'utf8'))) {
      // Declarations name what they import by its source (`./types.ts`).
      const built = entry.endsWith('.d.ts') ? name.replace(/\.ts$/, '.d.ts') : name
      if (name.startsWith('.')) files.add(new URL(built, file).href)
      else modules.add(name)
    }
  }
  return [...modules].sort()
}

function importsOf(source: string): string[] {
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(source, true, true)
  return [...importedFiles, ...typeReferenceDirectives].map(({ fileName }) => fileName)
}

/** Runs an example as a process. Only where it listens, and where its Redis is, is another place than in the README. */
async function run(t: Test, redisUrl: string, parts: string[]) {
  const port = await freePort()
  const example = parts.join('\n')
  const here = example.replace('redis://localhost', redisUrl).replace('listen(3000)', `listen(${port})`)
  t.equal(here.includes(redisUrl) && here.includes(`listen(${port})`), true, 'the example was understood')
  // Inside the package, where the packages that the example imports are found.
  await mkdir(join(root, '.tap'), { recursive: true })
  const directory = await mkdtemp(join(root, '.tap', 'readme-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const file = join(directory, 'example.js')
  await writeFile(file, here)
  const server = await startProcess(process.execPath, [file])
  t.teardown(() => server.stop())
  return { port, stop: () => server.stop() }
}
