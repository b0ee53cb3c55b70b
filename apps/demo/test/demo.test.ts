import { once } from 'node:events'
import { get } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { SAMPLE_TENANTS_FILE } from '@tenantry/sample-server'
import { ask, eventually, freePort, type StartedProcess, startProcess, startRedis } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { startDemo as startDemoHere } from '../src/demo.ts'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const UNSET = { REDIS_URL: undefined, TENANTS_FILE: undefined, LOG_LEVEL: undefined, DEMO_PORTS: undefined }

interface StartedDemo extends StartedProcess {
  readonly replicas: readonly string[]
  readonly manager: string
  readonly printed: () => string
}

async function startDemo(t: Test, environment: Record<string, string> = {}): Promise<StartedDemo> {
  const demo = await startProcess(process.execPath, [MAIN], {
    env: { ...UNSET, DEMO_PORTS: '0,0,0,0', ...environment },
    until: /Ctrl-C ends it/,
  })
  t.teardown(() => demo.stop('SIGKILL'))
  const printed = () => demo.lines.join('\n')
  const replicas = [...printed().matchAll(/curl -H 'Host: acme\.localhost' (http:\S+)\/whoami/g)].map(
    ([, url]) => url as string,
  )
  const manager = /curl -X POST (http:\S+)\/api\/tenants\/acme\/restart/.exec(printed())?.[1] as string
  return { ...demo, replicas, manager, printed }
}

async function tokensOf({ replicas }: StartedDemo): Promise<string[]> {
  const answers = await Promise.all(
    replicas.map(async (url) => {
      const answer = await ask(Number(new URL(url).port), '/whoami', { headers: { host: 'acme.localhost' } })
      return answer.json()
    }),
  )
  t.same(
    answers.map(({ replica }) => replica),
    ['replica-1', 'replica-2', 'replica-3'],
  )
  return answers.map(({ token }) => token)
}

t.test('the demo restarts a tenant on all of its replicas, and ends with 0 at Ctrl-C', async (t) => {
  const demo = await startDemo(t)
  const [before] = await tokensOf(demo)
  t.same(await tokensOf(demo), [before, before, before])
  const response = await fetch(`${demo.manager}/api/tenants/acme/restart`, { method: 'POST' })
  t.equal(response.status, 200)
  const { token } = (await response.json()) as { token: string }
  t.not(token, before)
  t.same(await tokensOf(demo), [token, token, token])
  t.notMatch(demo.printed(), /redis/)
  t.equal(await demo.stop('SIGINT'), 0)
  t.match(demo.lines.at(-1), 'Closing …')
  t.notMatch(demo.printed(), /Error|"level"/)
})

t.test(
  'a second Ctrl-C does not wait for requests under way; one that npm has doubled counts once',
  async (t) => {
    const demo = await startDemo(t, { LOG_LEVEL: 'info' })
    const slow = get(`${demo.replicas[0]}/slow?ms=60000`, { headers: { host: 'acme.localhost' } })
    const gone = once(slow, 'error')
    await eventually(() => demo.printed().includes('answering slowly'))
    demo.child.kill('SIGINT')
    await eventually(() => demo.printed().includes('Closing …'))
    const closingAt = performance.now()
    const ended = demo.exit.then(() => true)
    await eventually(() => {
      demo.child.kill('SIGINT')
      return Promise.race([ended, false])
    })
    t.equal(await demo.exit, 130)
    t.ok(performance.now() - closingAt > 500, 'not at once')
    await gone
  },
)

t.test('the demo runs through the Redis that REDIS_URL names', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const demo = await startDemo(t, { REDIS_URL: redis.url })
  const [, key] = new RegExp(`redis-cli -u ${redis.url} SET (\\S+) `).exec(demo.printed()) ?? []
  t.equal(key, 'tenantry:tenant:acme')
  await redis.cli('SET', key as string, 'set-by-hand')
  t.same(await tokensOf(demo), ['set-by-hand', 'set-by-hand', 'set-by-hand'])
  const response = await fetch(`${demo.manager}/api/tenants/acme/restart`, { method: 'POST' })
  const { token } = (await response.json()) as { token: string }
  t.same(await tokensOf(demo), [token, token, token])
  t.equal(await redis.cli('GET', 'tenantry:tenant:acme'), token)
  t.equal(await demo.stop('SIGTERM'), 0)
})

t.test('the demo serves the tenants of TENANTS_FILE, and shows no password', async (t) => {
  const redis = await startRedis({ password: 'hunter2' })
  t.teardown(() => redis.stop())
  const directory = t.testdir({
    'tenants.json': JSON.stringify({
      tenants: { "o'neill": { name: 'O’Neill', hostnames: ['oneill.localhost'] } },
    }),
  })
  const demo = await startDemo(t, { REDIS_URL: redis.url, TENANTS_FILE: `${directory}/tenants.json` })
  t.match(demo.printed(), 'http://oneill.localhost:')
  t.match(demo.printed(), '"$REDIS_URL"')
  t.notMatch(demo.printed(), 'hunter2')
  t.match(demo.printed(), "SET 'tenantry:tenant:o'\\''neill' $(uuidgen)")
})

t.test('a demo that cannot start leaves nothing open', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port: managerPort } = taken.address() as AddressInfo
  const replica = await freePort()
  const starting = startDemoHere({ tenantsFile: SAMPLE_TENANTS_FILE, replicaPorts: [replica], managerPort })
  await t.rejects(starting, { code: 'EADDRINUSE', port: managerPort })
  await t.rejects(fetch(`http://127.0.0.1:${replica}/healthz`), { cause: { code: 'ECONNREFUSED' } })
})

t.test('a demo that cannot start says why in a sentence, and ends with 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const directory = t.testdir({ 'broken.json': '{' })

  for (const [environment, expected] of [
    [
      { DEMO_PORTS: `0,0,0,${port}` },
      `Port ${port} is in use. End what uses it, or choose others: DEMO_PORTS=3001,3002,3003,4000 npm start`,
    ],
    [
      { DEMO_PORTS: '3001' },
      'The environment is not valid.\n  DEMO_PORTS: expected four ports, such as 3001,3002,3003,4000 (0: any that is free), got "3001"',
    ],
    [
      { TENANTS_FILE: `${directory}/broken.json` },
      `The tenants file ${directory}/broken.json cannot be used: `,
    ],
  ] as const) {
    const { exit, lines, stop } = await startProcess(process.execPath, [MAIN], {
      env: { ...UNSET, DEMO_PORTS: '0,0,0,0', ...environment },
    })
    t.teardown(() => stop('SIGKILL'))
    t.equal(await exit, 1)
    t.ok(lines.join('\n').startsWith(expected), lines.join('\n'))
    t.notMatch(lines.join('\n'), /\n {4}at /)
  }
})
