import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, request, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ask, startProcess } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { commandOf } from '../src/command-of.ts'
import { runLoadTest } from '../src/load-test.ts'
import { openLocalScene } from '../src/local-scene.ts'
import { parseOptions } from '../src/options.ts'
import { isBroken, type Results } from '../src/results.ts'
import type { Control, Scene, Target } from '../src/scene.ts'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** Children of these tests are plain Node: none of tap's instruments in them, and no key of somebody's manager. */
const env = { NODE_OPTIONS: undefined, MANAGER_API_KEY: undefined }

/** What a run needs at the least. */
const SMALL = ['--tenants=5', '--connections=4', '--restart-every=50']
const RUN = { tenants: 5, connections: 4, restartEveryMs: 50, maxAgeMs: 0, seconds: 3600 }

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
      '--replicas=1 --disturb=kill':
        '--disturb: expected more --replicas than 1: kill would take the last one',
      '--replicas=2 --disturb=add,remove,kill,outage,remove':
        '--disturb: expected more --replicas than 2: remove would take the last one',
      '--replicas=63 --disturb=remove,add,add': '--disturb: expected 64 replicas or fewer in all, got 65',
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

t.test('it tells how it was called, for a shell to read, and no password', async (t) => {
  const args = [
    '--front=http://me:s3@cret@a:1',
    '--redis',
    'redis://:s3cret@b/?password=s3cret',
    "--out=Ann's runs",
  ]
  t.equal(
    commandOf(args),
    `pnpm loadtest --front=http://***@a:1 --redis 'redis://***@b/?***' '--out=Ann'\\''s runs'`,
  )
  t.equal(commandOf([]), 'pnpm loadtest')
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
  t.equal(status, 0, stderr + stdout)
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
    // Where none has resolved, a run proves nothing, and ends otherwise.
    until: /^\d+\.\d s.* [1-9][\d,]* restarts?$/,
    timeoutMs: 180_000,
  })
  // As a terminal does it: everybody in the process group hears of it.
  process.kill(-pid, 'SIGINT')
  t.equal(await exit, 0)
  const [name = ''] = (await readdir(out)).filter((each) => each.endsWith('.json'))
  const results = JSON.parse(await readFile(join(out, name), 'utf8')) as Results
  t.match(results.verdicts, { stale: 0, torn: 0, wrong: 0 })
  t.ok(results.seconds < 3600)
  t.equal(results.endedEarly, 'it was interrupted')
  t.ok(lines.includes('  "format": 1,'), '--json prints the same')
})

t.test('against what stands already', async (t) => {
  const scene = await openLocalScene({ replicas: 1, maxAgeMs: 0, direct: true })
  t.teardown(() => scene.close())
  const { origin } = scene.targets()[0] as { origin: string }
  const { port: managerPort } = new URL(scene.manager.url)
  const key = { MANAGER_API_KEY: scene.manager.apiKey }

  await t.test('the end is 1 when something was served that may not be', async (t) => {
    // Whoever is asked for, it gives the first tenant.
    const front = await frontFor(t, (path, response) => {
      const asked = request(`${origin}${path}`, { headers: { host: 'load-0001.localhost' } }, (answer) => {
        response.writeHead(answer.statusCode as number, answer.headers)
        answer.pipe(response)
      })
      asked.on('error', () => response.destroy()).end()
    })
    const { status, stdout } = await loadTest([...(await argsFor(t, front)), '--seconds=3'], key)
    const { verdicts } = JSON.parse(stdout) as Results
    t.ok(verdicts.wrong > 0)
    t.equal(status, 1)
  })

  await t.test('the end is 2 when nothing was proved: no restart, so nothing could be stale', async (t) => {
    const args = await argsFor(t, origin)
    const { status, stdout } = await loadTest([...args, '--seconds=1', '--restart-every=3600000'], key)
    const { requests, restarts } = JSON.parse(stdout) as Results
    t.ok(requests > 0)
    t.match(restarts, { plain: 0, changes: 0 })
    t.equal(status, 2)
  })

  await t.test(
    'Ctrl-C before the first request ends all with 130, and leaves no tenant behind',
    async (t) => {
      let isAsked = () => {}
      const asked = new Promise<void>((resolve) => {
        isAsked = resolve
      })
      const front = await frontFor(t, (path, response) => {
        if (path === '/whoami') isAsked()
        response.writeHead(503).end()
      })
      const args = [MAIN, ...(await argsFor(t, front)), '--seconds=3600']
      const { pid, exit, lines } = await startProcess(process.execPath, args, { env: { ...env, ...key } })
      await asked
      process.kill(-pid, 'SIGINT')
      t.equal(await exit, 130, lines.join('\n'))
      t.strictSame(lines, [], 'there is nothing to be told')
      const headers = { authorization: `Bearer ${scene.manager.apiKey}` }
      t.equal((await ask(Number(managerPort), '/api/tenants/load-0001', { headers })).status, 404)
    },
  )

  await t.test('a replica that loses the store by itself breaks nothing', async (t) => {
    const over = new AbortController()
    let losing: Promise<void> | undefined
    let looks = 0
    function targets(): readonly Target[] {
      looks += 1
      // The first look is before the run. At its first request most tenants are not in memory, and are refused.
      if (looks === 2) losing = (scene.control as Control).outage(2000, () => {}).then(() => over.abort())
      return scene.targets()
    }
    const given: Scene = { ...scene, control: undefined, targets }
    const results = await runLoadTest(given, RUN, { signal: over.signal })
    await losing
    t.notOk(isBroken(results), JSON.stringify(results.findings))
    t.equal(results.failures.unexplained, 0, 'those that it refuses have a reason')
  })

  await t.test('a disturbance that fails ends the run, and what was measured is told', async (t) => {
    const addReplica = async () => {
      throw new Error('no room for another one')
    }
    const control = { ...(scene.control as Control), addReplica }
    // So many that the turn of the first comes soon, and the end of the run late.
    const kills = Array.from({ length: 19 }, () => 'kill' as const)
    const disturb = ['add', ...kills] as const
    const results = await runLoadTest({ ...scene, control }, { ...RUN, seconds: 30 }, { disturb })
    t.equal(results.endedEarly, 'no room for another one')
    t.strictSame(results.notDone, kills)
    t.ok(results.requests > 0)
  })

  async function argsFor(t: Test, front: string): Promise<string[]> {
    const out = `--out=${await directoryFor(t)}`
    return [...SMALL, '--json', out, `--front=${front}`, `--manager=${scene.manager.url}`]
  }
})

/** @returns its origin */
async function frontFor(t: Test, answer: (path: string, response: ServerResponse) => void): Promise<string> {
  const front = createServer(({ url = '/' }, response) => answer(url, response))
  await once(front.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    front.close()
    front.closeAllConnections()
  })
  return `http://127.0.0.1:${(front.address() as { port: number }).port}`
}

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
