import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { freePort } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { tenantry } from './cli-support/command-line.ts'

/** Answers everything in the same way. */
async function startImpostor(t: Test, status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status).end(body))
  t.teardown(() => server.close().closeAllConnections())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('the command line takes every page of a long list', async (t) => {
  const pages = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url as string, 'http://x')
    t.equal(pathname, '/below/api/tenants')
    const after = Number(searchParams.get('after') ?? 0)
    const tenants = [{ id: `${after}`, name: 'x', hostnames: [], version: 1 }]
    response.end(JSON.stringify({ tenants, total: 3, next: after < 2 ? `${after + 1}` : null }))
  })
  t.teardown(() => pages.close().closeAllConnections())
  await once(pages.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(pages.address() as AddressInfo).port}/below/`
  const { tenants } = JSON.parse((await tenantry(url, 'list', '--json')).stdout)
  t.same(
    tenants.map(({ id }: { id: string }) => id),
    ['0', '1', '2'],
  )
})

const RESTARTED = '{"written":true,"restarts":[{"tenant":"acme","token":"7.x","written":true}]}'
const CONVERGED = JSON.stringify({
  tenant: 'acme',
  restart: null,
  converged: true,
  counts: { current: 1, behind: 0, failed: 0, 'not-loaded': 0 },
  replicas: [{ replica: 'one', state: 'current', token: '7.x', at: null, reason: null }],
})

/** Restarts as it should, and then answers one look after the other in these ways; all later ones in the last. */
async function startStumbler(
  t: Test,
  ...looks: readonly ((response: ServerResponse) => void)[]
): Promise<string> {
  const left = [...looks]
  const server = createServer((request, response) => {
    if (request.method === 'POST') return void response.end(RESTARTED)
    const look = left.length > 1 ? left.shift() : left[0]
    look?.(response)
  })
  t.teardown(() => server.close().closeAllConnections())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('a manager that stumbles after the restart ends no wait', async (t) => {
  const error = (status: number, code: string) => (response: ServerResponse) =>
    void response.writeHead(status).end(`{"code":"${code}","message":"${code}"}`)
  const vanish = (response: ServerResponse) => void response.destroy()
  const hang = () => undefined
  const stumbles = [
    vanish,
    (response: ServerResponse) => void response.writeHead(502).end('<h1>Bad gateway</h1>'),
    error(503, 'TENANTRY_ERR_AUTHORITY_UNREACHABLE'),
    error(429, 'MANAGER_ERR_TOO_MANY_REQUESTS'),
  ]
  const converges = (response: ServerResponse) => void response.end(CONVERGED)
  const url = await startStumbler(t, ...stumbles, converges)
  const { status, stdout, stderr } = await tenantry(url, 'restart', 'acme', '--wait')
  t.strictSame([status, stderr], [0, ''])
  const lines = stdout.trim().split('\n')
  const expected = [/restarted/, /cannot be reached/, /status 502/, /AUTHORITY/, /TOO_MANY/, /^acme: 1 of 1 /]
  t.equal(lines.length, expected.length, stdout)
  for (const [index, pattern] of expected.entries()) t.match(lines[index], pattern)

  const began = performance.now()
  const silent = await tenantry(
    await startStumbler(t, hang),
    'restart',
    'acme',
    '--wait',
    '--timeout',
    '0.1',
    '--json',
  )
  t.equal(silent.status, 3)
  t.match(JSON.parse(silent.stdout), {
    written: true,
    convergence: [{ tenant: 'acme', converged: null, code: null }],
  })
  t.match(silent.stderr, /cannot be reached: no answer within 1 s/)
  t.ok(performance.now() - began < 20_000, 'it does not wait for the answer to the end')

  const refused = await tenantry(
    await startStumbler(t, error(401, 'X')),
    'restart',
    'acme',
    '--wait',
    '--json',
  )
  t.equal(refused.status, 1, 'a refusal does not pass')
  t.match(JSON.parse(refused.stdout), { written: true })
})

t.test('to watch where nobody has ever answered is pointless: 1', async (t) => {
  const nobody = `http://127.0.0.1:${await freePort()}`
  const { status, stdout, stderr } = await tenantry(nobody, 'status', 'acme', '--watch')
  t.strictSame([status, stdout], [1, ''])
  t.match(stderr, /cannot be reached: connect ECONNREFUSED/)
})

t.test('a manager that cannot be asked is told in a sentence: 1', async (t) => {
  const nobody = `http://127.0.0.1:${await freePort()}`
  const page = await startImpostor(t, 200, '<!doctype html>')
  const other = await startImpostor(t, 404, '{"error":"no"}')
  const broken = await startImpostor(
    t,
    400,
    '{"code":"X","message":"That is not valid","problems":[{"path":"/reason","message":"too long"}]}',
  )
  for (const [url, expected] of [
    [nobody, `The tenant manager at ${nobody} cannot be reached: connect ECONNREFUSED`],
    [page, `${page} does not answer as a tenant manager does (status 200)`],
    [other, `${other} does not answer as a tenant manager does (status 404)`],
    [broken, 'That is not valid\n  /reason: too long'],
  ] as const) {
    const { status, stdout, stderr } = await tenantry(url, 'restart', 'acme')
    t.strictSame([status, stdout], [1, ''])
    t.ok(stderr.startsWith(expected), stderr)
    t.notMatch(stderr, /\n {4}at /)
  }
})

t.test('what it does not know is answered with a sentence, and where to read on: 2', async (t) => {
  const cases = [
    [[], 'tenantry needs a command.'],
    [['frobnicate'], "There is no command 'frobnicate'."],
    [['constructor'], "There is no command 'constructor'."],
    [['help', 'frobnicate'], "There is no command 'frobnicate'."],
    [['list', '--frobnicate'], "Unknown option '--frobnicate'"],
    [['list', 'one', 'two'], 'list takes one search, got 2'],
    [['restart'], 'restart takes either ids or --all'],
    [['restart', 'acme', '--all'], 'restart takes either ids or --all'],
    [
      ['restart', '--all', '--wait'],
      '--wait needs ids. Restart all without it, then wait for those that matter',
    ],
    [['restart', '--all'], 'restart --all needs --yes where there is no terminal'],
    [['restart', 'acme', '--timeout', '3'], '--timeout goes with --wait'],
    [
      ['restart', 'acme', '--wait', '--timeout', 'soon'],
      "--timeout: expected seconds (0: no limit), got 'soon'",
    ],
    [['status'], 'status takes one id, got 0'],
    [['status', 'one', 'two'], 'status takes one id, got 2'],
    [['status', 'acme', '--timeout', '3'], '--timeout goes with --watch'],
    [['history', 'one', 'two'], 'history takes one id, got 2'],
    [['history', '--limit', '0'], "--limit: expected a number above 0, got '0'"],
    [['replicas', 'one'], "replicas takes no arguments, got 'one'"],
  ] as const
  await Promise.all(
    cases.map(async ([args, sentence]) => {
      const { status, stdout, stderr } = await tenantry('http://127.0.0.1:1', ...args)
      t.strictSame([status, stdout], [2, ''], args.join(' '))
      t.ok(stderr.startsWith(sentence), stderr)
      t.match(stderr, /^See: tenantry help/m)
      t.ok(stderr.trimEnd().split('\n').length <= 2, stderr)
    }),
  )
  for (const url of ['manager', 'ftp://manager', 'http://user:hunter2@manager']) {
    const { status, stderr } = await tenantry(url, 'list')
    t.equal(status, 2)
    t.match(stderr, 'MANAGER_URL: expected a URL such as http://127.0.0.1:4000')
    t.notMatch(stderr, 'hunter2')
  }
})

t.test('help tells what there is, and what each command takes', async (t) => {
  const { status, stdout } = await tenantry('', 'help')
  t.equal(status, 0)
  const names = ['list', 'restart', 'status', 'history', 'replicas']
  await Promise.all(
    names.map(async (name, index) => {
      t.match(stdout, new RegExp(`^ {2}${name} `, 'm'))
      const asked = await tenantry('', 'help', name)
      t.equal(asked.status, 0)
      t.match(asked.stdout, `Usage: tenantry ${name} `.trimEnd())
      t.same(await tenantry('', name, index % 2 === 0 ? '--help' : '-h'), asked)
    }),
  )
  t.equal((await tenantry('', '--help')).stdout, stdout)
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  t.same(await tenantry('', '--version'), { status: 0, stdout: `tenantry ${version}\n`, stderr: '' })
})
