import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startProcess } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { openLocalScene } from '../src/local-scene.ts'
import { parseOptions } from '../src/options.ts'
import type { Results } from '../src/results.ts'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** Children of these tests are plain Node: none of tap's instruments in them, and no key of somebody's manager. */
const env = { NODE_OPTIONS: undefined, MANAGER_API_KEY: undefined }

/** What a run needs at the least. */
const SMALL = ['--tenants=5', '--connections=4', '--restart-every=50']

t.test('options', async (t) => {
  t.test('the defaults, and all that can be said', async (t) => {
    t.strictSame(parseOptions([]), {
      settings: { seconds: 60, connections: 64, tenants: 100, restartEveryMs: 100, maxAgeMs: 0 },
      disturb: [],
      scene: { replicas: 4, direct: false },
      out: 'load-test-results',
      json: false,
    })
    const local =
      '--requests=1000000 --connections 8 --tenants 9 --restart-every 10 --max-age 50 --replicas 2'
    t.strictSame(parseOptions(`${local} --direct --disturb kill,add,add --out there --json`.split(' ')), {
      settings: { requests: 1_000_000, connections: 8, tenants: 9, restartEveryMs: 10, maxAgeMs: 50 },
      disturb: ['kill', 'add', 'add'],
      scene: { replicas: 2, direct: true },
      out: 'there',
      json: true,
    })
    t.strictSame(parseOptions(['--disturb=all'])?.disturb, ['add', 'remove', 'kill', 'outage'])
    const given = '--front http://a:1 --manager https://b --admin http://c:9090 --redis redis://d --seconds 5'
    t.match(parseOptions(given.split(' ')), {
      settings: { seconds: 5 },
      scene: {
        frontUrl: new URL('http://a:1'),
        managerUrl: new URL('https://b'),
        adminUrl: new URL('http://c:9090'),
        redisUrl: 'redis://d',
      },
    })
  })

  t.test('a mistake is told with what was received and what was expected', async (t) => {
    const mistakes: Record<string, string> = {
      '--seconds=0': '--seconds: expected a whole number, 1 to 1,000,000, got "0"',
      '--seconds=1.5': '--seconds: expected a whole number, 1 to 1,000,000, got "1.5"',
      '--seconds=5 --requests=5': '--seconds, --requests: expected one of them, got both',
      '--replicas=65': '--replicas: expected a whole number, 1 to 64, got "65"',
      '--max-age=-1': '--max-age: expected a whole number, 0 to 300,000, got "-1"',
      '--disturb=add,fire': '--disturb: expected all, or some of add,remove,kill,outage, got "add,fire"',
      '--manager=http://b': '--manager: expected --front, too: it is for what stands already',
      '--front=http://a': '--front: expected --manager, too: it restarts the tenants',
      '--front=http://a/b --manager=http://b': '--front: expected a URL such as http://127.0.0.1:8080',
      '--front=http://a --manager=http://k@b': '--manager: expected a URL such as http://127.0.0.1:8080',
      '--front=http://a --manager=http://b --redis=http://c':
        '--redis: expected a URL such as redis://127.0.0.1:6379 or rediss://…',
      '--front=http://a --manager=http://b --replicas=2':
        '--replicas: it is for replicas that are started here, and --front is for those that stand',
    }
    for (const [args, message] of Object.entries(mistakes)) {
      t.throws(() => parseOptions(args.split(' ')), { name: 'UsageError', message }, args)
    }
    t.throws(() => parseOptions(['--fast']), { name: 'UsageError', message: /--fast/ })
    t.throws(() => parseOptions(['fast']), { name: 'UsageError', message: /fast/ })
  })
})

t.test('it prints its help, and ends with 2 where it cannot measure', async (t) => {
  const help = await loadTest(['--help'])
  t.match(help, { status: 0, stderr: '', stdout: /^Puts replicas under load[\s\S]*--restart-every n/ })
  for (const line of help.stdout.split('\n')) t.ok(line.length <= 120, line)

  const file = join(await directoryFor(t), 'file')
  await writeFile(file, '')
  const mistakes: Record<string, RegExp> = {
    '--seconds=x': /^--seconds: expected .*\nSee: pnpm loadtest --help\n$/,
    [`--out=${file}`]: /^--out: expected a directory that can be written to, got .*file: EEXIST/,
    '--front=http://127.0.0.1:1 --manager=http://127.0.0.1:1':
      /^--front: nothing answers at http:\/\/127.0.0.1:1: .*\n$/,
  }
  for (const [args, stderr] of Object.entries(mistakes)) {
    t.match(await loadTest([`--out=${tmpdir()}`, ...args.split(' ')]), { status: 2, stdout: '', stderr })
  }
  const programs = await directoryFor(t)
  await symlink('/bin/sh', join(programs, 'sh'))
  const nothing = await loadTest([`--out=${tmpdir()}`], { PATH: programs })
  t.match(nothing, { status: 2, stdout: '', stderr: /\nredis-server is not on PATH\. Install .*\n$/ })
})

t.test('a run on this machine, while a replica is killed', async (t) => {
  const out = await directoryFor(t)
  const { status, stdout, stderr } = await loadTest([
    ...['--seconds=6', '--replicas=2', '--disturb=kill', ...SMALL, `--out=${out}`],
  ])
  t.equal(status, 0, stderr)
  t.match(stdout, /0 stale, \d+ failed, 0 torn, 0 wrong in [\d,]+ requests/)
  const names = (await readdir(out)).sort()
  t.match(names, [/^[\dT.-]+Z\.html$/, /^[\dT.-]+Z\.json$/])
  for (const name of names) t.ok(stderr.includes(join(out, name)), 'it says where they are')
  const results = JSON.parse(await readFile(join(out, names[1] as string), 'utf8')) as Results
  t.match(results.command, /^pnpm loadtest --seconds=6 .*--disturb=kill/)
  t.strictSame(
    results.disturbances.map(({ kind }) => kind),
    ['kill'],
  )
  t.match(results.disturbances[0]?.subject, /^replica-[12]$/)
  t.ok(results.restarts.plain > 0)
  t.ok(results.restarts.changes > 0)
  t.ok((results.cost.builds ?? 0) > 0)
  t.ok((results.cost.redisPer100Requests ?? 0) > 0)
})

t.test('Ctrl-C in a terminal ends the run early, and what was measured is told', async (t) => {
  const out = await directoryFor(t)
  const args = [MAIN, '--seconds=3600', '--replicas=2', '--json', ...SMALL, `--out=${out}`]
  const { lines, pid, exit } = await startProcess(process.execPath, args, {
    env,
    until: /^\d+\.\d s/,
    timeoutMs: 120_000,
  })
  // As a terminal does it: everybody in the process group hears of it.
  process.kill(-pid, 'SIGINT')
  t.equal(await exit, 0)
  const [name = ''] = (await readdir(out)).filter((each) => each.endsWith('.json'))
  const results = JSON.parse(await readFile(join(out, name), 'utf8')) as Results
  t.strictSame(results.verdicts, { stale: 0, failed: 0, torn: 0, wrong: 0 })
  t.ok(results.seconds < 3600)
  t.ok(lines.includes('  "format": 1,'), '--json prints the same')
})

t.test('the end is 1 when something was served that may not be', async (t) => {
  const scene = await openLocalScene({ replicas: 1, maxAgeMs: 0, direct: true })
  t.teardown(() => scene.close())
  const { port: behind } = new URL(scene.targets()[0]?.origin ?? '')
  // Whoever is asked for, it gives the first tenant.
  const front = createServer(({ url = '/' }, response) => {
    const headers = { host: 'load-0001.localhost' }
    const asked = request({ host: '127.0.0.1', port: behind, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode as number, answer.headers)
      answer.pipe(response)
    })
    asked.on('error', () => response.destroy()).end()
  })
  await once(front.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => front.close())
  const { port } = front.address() as { port: number }
  const out = await directoryFor(t)
  const urls = [`--front=http://127.0.0.1:${port}`, `--manager=${scene.manager.url}`]
  const { status, stdout } = await loadTest(['--seconds=3', '--json', ...SMALL, ...urls, `--out=${out}`], {
    MANAGER_API_KEY: scene.manager.apiKey,
  })
  const { verdicts } = JSON.parse(stdout) as Results
  t.ok(verdicts.wrong > 0)
  t.equal(status, 1)
})

async function directoryFor(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tenantry-load-test-'))
  t.teardown(() => rm(directory, { recursive: true }))
  return directory
}

interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

function loadTest(
  args: readonly string[],
  environment: Record<string, string | undefined> = {},
): Promise<Ended> {
  const options = { env: { ...process.env, ...env, ...environment } as NodeJS.ProcessEnv }
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : (error.code as unknown as number), stdout, stderr })
    })
  })
}
