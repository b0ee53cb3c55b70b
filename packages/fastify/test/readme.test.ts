import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ask, freePort, startProcess, startRedis } from '@tenantry/testing'
import t, { type Test } from 'tap'

const packageRoot = join(import.meta.dirname, '..')

t.test('the example of the README runs as it stands, and a restart by hand is seen', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const port = await freePort()
  const directory = await exampleDirectory(t)
  const readme = await readFile(join(packageRoot, '..', '..', 'README.md'), 'utf8')
  const [, example = ''] = /```js\n(.*?)```/s.exec(readme) ?? []
  t.ok(example.trim().split('\n').length <= 15, 'it has 15 lines at most')
  const file = join(directory, 'example.js')
  // Only where it listens, and where its Redis is, is another place than in the README.
  await writeFile(
    file,
    replaced(replaced(example, 'redis://localhost', redis.url), 'port: 3000', `port: ${port}`),
  )
  const server = await startProcess(process.execPath, [file], { until: /Server listening/ })
  t.teardown(() => server.stop())

  const first = await get(port, 'acme.localhost')
  t.match(first, /^Hello from Acme, built at \d{4}-.*Z\n$/)
  t.equal(await get(port, 'acme.localhost'), first)
  t.match(await get(port, 'globex.localhost'), /^Hello from Globex/)
  t.match(await get(port, 'initech.localhost'), /TENANTRY_ERR_TENANT_NOT_FOUND/)

  await redis.cli('SET', 'tenantry:tenant:acme.localhost', crypto.randomUUID())
  const second = await get(port, 'acme.localhost')
  t.match(second, /^Hello from Acme/)
  t.not(second, first)
})

/** Inside the package, where the packages that the example imports are found. */
async function exampleDirectory(t: Test): Promise<string> {
  await mkdir(join(packageRoot, '.tap'), { recursive: true })
  const directory = await mkdtemp(join(packageRoot, '.tap', 'readme-'))
  t.teardown(() => rm(directory, { recursive: true }))
  return directory
}

function replaced(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`Expected the example to contain ${from}`)
  return text.replace(from, to)
}

async function get(port: number, host: string): Promise<string> {
  return (await ask(port, '/', { headers: { host } })).body
}
