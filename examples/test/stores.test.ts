import { ask, startMemcached, startPostgres } from '@tenantry/testing'
import t from 'tap'
import { endsWell, runExample, startExample } from './support/start-example.ts'

t.test('memcached.js', async (t) => {
  const memcached = await startMemcached()
  t.teardown(() => memcached.stop())
  const server = await startExample(t, 'memcached.js', { MEMCACHED: memcached.address })
  const get = async () => (await ask(server.port, '/', { headers: { host: 'acme.localhost' } })).body
  const first = await get()
  t.match(first, /^Acme, built at \d{4}-/)
  t.equal(await get(), first)
  const token = crypto.randomUUID()
  const set = `set tenantry:tenant:acme.localhost 0 604800 ${token.length}\r\n${token}`
  t.equal(await memcached.ask(set), 'STORED')
  const second = await get()
  t.match(second, /^Acme, built at \d{4}-/)
  t.not(second, first)
  t.equal(await server.stop(), 0)
})

t.test('own-store.js', async (t) => {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop())
  const suite = await runExample(t, 'own-store.js', {
    // Otherwise Node takes it for a part of the tests that run it.
    env: { DATABASE_URL: postgres.url, NODE_TEST_CONTEXT: undefined },
    options: ['--test', '--test-reporter=tap'],
  })
  await endsWell(t, suite)
  const [, passed] = /^# pass (\d+)$/m.exec(suite.lines.join('\n')) ?? []
  t.ok(Number(passed) > 10, `${passed} tests of the contract pass`)
})
