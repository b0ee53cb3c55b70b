import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { SAMPLE_TENANTS_FILE, TenantsFile } from '@tenantry/sample-server'
import {
  ask,
  eventually,
  freePort,
  type PostgresServer,
  type StartedProcess,
  startPostgres,
  startProcess,
  startRedis,
} from '@tenantry/testing'
import t, { type Test } from 'tap'
import { type DemoOptions, startDemo as startDemoHere } from '../src/demo.ts'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const OPEN_PAGE = new URL('../dist/open-page.js', import.meta.url).href
const UNSET = {
  REDIS_URL: undefined,
  DATABASE_URL: undefined,
  TENANTS_FILE: undefined,
  LOG_LEVEL: undefined,
  DEMO_PORTS: undefined,
}

/** The Postgres in the demo's own process takes seconds to open: only tests of it wait for it. */
let postgres: PostgresServer
t.before(async () => {
  postgres = await startPostgres()
})
t.teardown(() => postgres.stop())

interface StartedDemo extends StartedProcess {
  readonly replicas: readonly number[]
  readonly manager: string
  readonly printed: () => string
}

async function startDemo(
  t: Test,
  environment: Record<string, string | undefined> = {},
): Promise<StartedDemo> {
  const demo = await startProcess(process.execPath, [MAIN], {
    env: { ...UNSET, DEMO_PORTS: '0,0,0,0', DATABASE_URL: await postgres.newDatabase(), ...environment },
    until: /Ctrl-C ends it/,
    timeoutMs: 30_000,
  })
  t.teardown(() => demo.stop('SIGKILL'))
  const printed = () => demo.lines.join('\n')
  const replicas = [
    ...printed().matchAll(/curl -H 'Host: acme\.localhost' http:\/\/127\.0\.0\.1:(\d+)\/whoami/g),
  ]
  const manager = /^ {4}(http:\S+)$/m.exec(printed())?.[1] as string
  return { ...demo, replicas: replicas.map(([, port]) => Number(port)), manager, printed }
}

async function startHere(t: Test, options: Partial<DemoOptions> = {}) {
  const sampleTenants = await new TenantsFile(SAMPLE_TENANTS_FILE).all()
  const demo = await startDemoHere({
    sampleTenants,
    databaseUrl: await postgres.newDatabase(),
    replicaPorts: [0, 0, 0],
    managerPort: 0,
    ...options,
  })
  t.teardown(() => demo.close())
  const tell = async (method: string, path: string, body?: object) => {
    const response = await fetch(`http://127.0.0.1:${demo.managerPort}${path}`, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  }
  return { ...demo, tell }
}

async function tokensOf(t: Test, ports: readonly number[]): Promise<string[]> {
  const answers = await Promise.all(
    ports.map(async (port) => (await ask(port, '/whoami', { headers: { host: 'acme.localhost' } })).json()),
  )
  t.same(new Set(answers.map(({ replica }) => replica)).size, ports.length)
  return answers.map(({ token }) => token)
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into it
async function read(url: string): Promise<any> {
  return (await fetch(url)).json()
}

async function restart(t: Test, manager: string): Promise<string> {
  const response = await fetch(`${manager}/api/tenants/acme/restart`, { method: 'POST' })
  const { token, written } = (await response.json()) as { token: string; written: boolean }
  t.strictSame([response.status, written], [200, true])
  return token
}

t.test('the demo restarts a tenant on all of its replicas, and ends with 0 at Ctrl-C', async (t) => {
  const demo = await startDemo(t, { DATABASE_URL: undefined })
  t.match(demo.lines[0], /^Starting the demo, with a Postgres of its own/)
  t.match(demo.printed(), /^Everything is in memory/m)
  t.equal(demo.printed().indexOf('http://'), demo.printed().indexOf(demo.manager), 'the page comes first')
  t.equal(demo.replicas.length, 3)
  const [before] = await tokensOf(t, demo.replicas)
  t.same(await tokensOf(t, demo.replicas), [before, before, before])
  const token = await restart(t, demo.manager)
  t.same(await tokensOf(t, demo.replicas), [token, token, token])
  await eventually(async () => {
    const { converged, counts } = await read(`${demo.manager}/api/tenants/acme/convergence`)
    return converged && counts.current === 3
  })
  const page = await fetch(demo.manager)
  t.equal(page.status, 200)
  t.match(page.headers.get('content-type'), 'text/html')
  const events = await fetch(`${demo.manager}/api/events`)
  const reader = events.body?.getReader()
  t.equal((await reader?.read())?.done, false, 'somebody looks at the page')
  const endingAt = performance.now()
  t.equal(await demo.stop('SIGINT'), 0)
  t.ok(performance.now() - endingAt < 2000, 'within two seconds')
  t.match(demo.lines.at(-1), 'Closing …')
  t.notMatch(demo.printed(), /Error|"level"/)
})

t.test(
  'a second Ctrl-C does not wait for requests under way; one that npm has doubled counts once',
  async (t) => {
    const demo = await startDemo(t, { LOG_LEVEL: 'info' })
    const slow = get(`http://127.0.0.1:${demo.replicas[0]}/slow?ms=60000`, {
      headers: { host: 'acme.localhost' },
    })
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

t.test(
  'the demo runs through the Redis and the Postgres that the environment names, and they keep it',
  async (t) => {
    const redis = await startRedis({ password: 'hunter2' })
    t.teardown(() => redis.stop())
    const environment = { REDIS_URL: redis.url, DATABASE_URL: await postgres.newDatabase() }
    const first = await startDemo(t, environment)
    const token = await restart(t, first.manager)
    t.same(await tokensOf(t, first.replicas), [token, token, token])
    t.equal(await redis.cli('GET', 'tenantry:tenant:acme'), token)
    await eventually(async () => {
      const { replicas } = await read(`${first.manager}/api/replicas`)
      return replicas.length === 3
    })
    const renamed = await fetch(`${first.manager}/api/tenants/acme`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ version: 1, name: 'Acme & Daughters' }),
    })
    t.equal(renamed.status, 200)
    t.notMatch(first.printed(), 'in memory')
    t.notMatch(first.printed(), 'hunter2')
    t.equal(await first.stop('SIGTERM'), 0)

    const second = await startDemo(t, environment)
    const answer = await ask(second.replicas[0] as number, '/whoami', { headers: { host: 'acme.localhost' } })
    t.equal(answer.json().tenant.name, 'Acme & Daughters', 'what is there is left as it is')
  },
)

t.test('the demo begins with the tenants of TENANTS_FILE', async (t) => {
  const directory = t.testdir({
    'tenants.json': JSON.stringify({
      tenants: {
        aardvark: { name: 'No site yet', hostnames: ['aardvark.localhost'] },
        "o'neill": { name: 'O’Neill', hostnames: ['oneill.localhost'], tagline: 'Since 1886.' },
      },
    }),
  })
  const environment = {
    TENANTS_FILE: `${directory}/tenants.json`,
    DATABASE_URL: await postgres.newDatabase(),
  }
  const first = await startDemo(t, environment)
  const [, port] = /http:\/\/aardvark\.localhost:(\d+)$/m.exec(first.printed()) ?? []
  const answer = await ask(Number(port), '/whoami', { headers: { host: 'oneill.localhost' } })
  t.match(answer.json(), { tenant: { id: "o'neill", name: 'O’Neill', tagline: 'Since 1886.' } })
  const url = `${first.manager}/api/tenants/aardvark/hostnames/aardvark.localhost`
  t.equal((await fetch(url, { method: 'DELETE' })).status, 200)
  await first.stop()

  const second = await startDemo(t, environment)
  t.match(second.printed(), 'http://oneill.localhost:', 'a tenant that has a site')
  t.match(second.printed(), "restart 'o'\\''neill' --wait")
  const last = `${second.manager}/api/tenants/o'neill/hostnames/oneill.localhost`
  t.equal((await fetch(last, { method: 'DELETE' })).status, 200)
  const hostile = { id: '\u001b[31m', name: 'x', hostnames: ['hostile.localhost'], config: {} }
  const created = await fetch(`${second.manager}/api/tenants`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(hostile),
  })
  t.equal(created.status, 201)
  await second.stop()

  const third = await startDemo(t, environment)
  t.match(third.printed(), 'There is no tenant with a host name yet')
  t.notMatch(third.printed(), '\u001b')
})

t.test(
  'replicas come and go while the traffic goes on and everything restarts: no request fails',
  async (t) => {
    const { controls, tell, managerPort } = await startHere(t, { databaseUrl: undefined })
    const served = () => controls.state().served
    await eventually(() => served() > 10)
    const [first] = controls.state().replicas

    for (let round = 1; round <= 5; round++) {
      const added = await tell('POST', '/api/demo/replicas')
      t.strictSame([added.status, added.body], [201, { name: `replica-${round + 3}` }])
      const { replicas } = controls.state()
      t.equal(replicas.length, 4)
      const port = replicas.at(-1)?.port as number
      const [before] = await tokensOf(t, [port])
      const token = await restart(t, `http://127.0.0.1:${managerPort}`)
      t.not(token, before)
      t.same(
        await tokensOf(
          t,
          replicas.map(({ port }) => port),
        ),
        [token, token, token, token],
      )
      t.equal((await tell('POST', '/api/restart', { all: true })).status, 200)

      const from = served()
      await eventually(() => served() > from + 8)
      const oldest = replicas[0]?.name as string
      t.equal((await tell('DELETE', `/api/demo/replicas/${oldest}`)).status, 204)
      t.notOk(controls.state().replicas.some(({ name }) => name === oldest))
    }
    await t.rejects(ask(first?.port as number, '/healthz'), { code: 'ECONNREFUSED' })
    t.equal((await tell('DELETE', '/api/demo/replicas/replica-1')).status, 404)
    t.equal(controls.state().failed, 0)

    t.equal((await tell('PUT', '/api/demo/traffic', { on: false })).status, 200)
    t.equal(controls.state().traffic, false)
    for (const { name } of controls.state().replicas) await controls.removeReplica(name)
    const { body } = await tell('GET', '/api/replicas')
    t.same(body.replicas, [], 'they have said goodbye')
    await controls.addReplica()
    await tell('PUT', '/api/demo/traffic', { on: true })
    const from = served()
    await eventually(() => served() > from)
    t.equal(controls.state().failed, 0)
  },
)

t.test('the traffic comes to a new tenant, and does not miss one that is deleted', async (t) => {
  const { controls, tell } = await startHere(t)
  await eventually(() => controls.state().served > 5)
  for (const { id } of (await tell('GET', '/api/tenants')).body.tenants) {
    t.equal((await tell('DELETE', `/api/tenants/${id}`)).status, 204)
  }
  await tell('POST', '/api/tenants', { id: 'new', name: 'New', hostnames: ['new.localhost'], config: {} })
  const { served } = controls.state()
  await eventually(() => controls.state().served > served + 10)
  t.equal(controls.state().failed, 0)
})

t.test('a new replica gets the next port that is free', async (t) => {
  const first = await freePort()
  const taken = createServer().listen(first + 1, '127.0.0.1')
  // Whether by this test or by somebody else: it is taken.
  await once(taken, 'listening').catch(() => undefined)
  t.teardown(() => taken.close())
  const { controls } = await startHere(t, { replicaPorts: [first] })
  await Promise.all([controls.addReplica(), controls.addReplica()])
  const ports = controls.state().replicas.map(({ port }) => port)
  t.equal(new Set(ports).size, 3)
  t.ok(
    ports.every((port) => port >= first && port !== first + 1 && port < first + 20),
    `${ports}`,
  )
})

t.test('the page is opened for whoever sits in front of the machine, and for nobody else', async (t) => {
  const directory = t.testdir({ 'browser.sh': '#!/bin/sh\necho "opened $1" > "$0.log"\n' })
  const browser = `${directory}/browser.sh`
  chmodSync(browser, 0o755)
  const opened = () => existsSync(`${browser}.log`) && readFileSync(`${browser}.log`, 'utf8')
  const call = `import { openPage } from '${OPEN_PAGE}'; await openPage('http://127.0.0.1:4000'); console.log('done')`
  const node = [process.execPath, '--input-type=module', '--eval', call]
  const onTerminal = [
    'script',
    '--quiet',
    '--command',
    node.map((word) => `"${word}"`).join(' '),
    '/dev/null',
  ]
  // Nothing but BROWSER says which browser it is.
  const seated = { DISPLAY: ':7', BROWSER: browser, XDG_DATA_DIRS: directory, XDG_DATA_HOME: directory }
  const elsewhere = {
    CI: undefined,
    SSH_CONNECTION: undefined,
    SSH_TTY: undefined,
    WAYLAND_DISPLAY: undefined,
  }

  async function start([command = '', ...args]: readonly string[], environment: object): Promise<void> {
    const env = { ...elsewhere, ...seated, ...environment }
    const { exit, lines } = await startProcess(command, args, { env })
    t.equal(await exit, 0)
    t.match(lines.join(), 'done')
  }

  await start(node, {})
  await start(onTerminal, { CI: 'true' })
  await start(onTerminal, { SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' })
  await start(onTerminal, { DISPLAY: undefined })
  await start(onTerminal, { BROWSER: '/nowhere/browser' })
  t.equal(opened(), false)
  await start(onTerminal, {})
  t.equal(await eventually(opened), 'opened http://127.0.0.1:4000\n')
})

t.test('a demo that cannot start leaves nothing open', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port: managerPort } = taken.address() as AddressInfo
  const replica = await freePort()
  await t.rejects(startHere(t, { replicaPorts: [replica], managerPort }), {
    code: 'EADDRINUSE',
    port: managerPort,
  })
  await t.rejects(fetch(`http://127.0.0.1:${replica}/healthz`), { cause: { code: 'ECONNREFUSED' } })
})

t.test('a demo that cannot start says why in a sentence, and ends with 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const directory = t.testdir({ 'broken.json': '{' })
  const nobody = `postgres://postgres:hunter2@127.0.0.1:${await freePort()}/tenantry`

  for (const [environment, expected] of [
    [
      { DEMO_PORTS: `0,0,0,${port}`, DATABASE_URL: await postgres.newDatabase() },
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
    [{ DATABASE_URL: nobody }, 'DATABASE_URL: The database cannot be reached just now: '],
  ] as const) {
    const { exit, lines, stop } = await startProcess(process.execPath, [MAIN], {
      env: { ...UNSET, DEMO_PORTS: '0,0,0,0', ...environment },
    })
    t.teardown(() => stop('SIGKILL'))
    t.equal(await exit, 1)
    const said = lines.filter((line) => !line.startsWith('Starting the demo')).join('\n')
    t.ok(said.startsWith(expected), said)
    t.notMatch(said, /\n {4}at |hunter2/)
  }
})
