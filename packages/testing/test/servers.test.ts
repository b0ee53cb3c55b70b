import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { eventually, startBrowser, startPostgres, startProcess, startTcpProxy } from '../src/index.ts'
import { findPostgresPrograms, postgresUser } from '../src/postgres-programs.ts'
import { processesUnder } from '../src/processes-under.ts'

/** Children of these tests are plain Node: none of tap's instruments in them. */
const env = { NODE_OPTIONS: undefined, NODE_V8_COVERAGE: undefined }

/** Not one that has ended and that nobody has collected yet. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** What Postgres's own client prints, so that a test sees the server without a client that it tests. */
async function psql(url: string, sql: string): Promise<string> {
  const { stdout } = await promisify(execFile)(join(findPostgresPrograms(), 'psql'), [url, '-XAtqc', sql])
  return stdout.trim()
}

/** Sets a variable of this process's environment for the rest of a test. */
function setVariable(t: { teardown(end: () => void): void }, name: string, value: string | undefined): void {
  const before = process.env[name]
  const set = (text: string | undefined) => {
    if (text === undefined) delete process.env[name]
    else process.env[name] = text
  }
  set(value)
  t.teardown(() => set(before))
}

t.test('startPostgres', async (t) => {
  t.test('answers, keeps its databases apart, and keeps its data when it is killed', async (t) => {
    const postgres = await startPostgres()
    t.teardown(() => postgres.stop())
    t.equal(postgres.url, `postgres://postgres@127.0.0.1:${postgres.port}/postgres`)
    const [one, two] = [await postgres.newDatabase(), await postgres.newDatabase()]
    t.not(one, two)
    await psql(one, `create table notes (note text); insert into notes values ('Grüß Gott')`)
    await t.rejects(psql(two, 'select * from notes'), { message: /relation "notes" does not exist/ })

    const { pid } = postgres
    const backends = processesUnder(pid)
    t.ok(backends.length > 0)
    await postgres.kill()
    await eventually(() => ![pid, ...backends].some(isAlive))
    await t.rejects(psql(one, 'select 1'), { message: /Connection refused/ })
    await postgres.restart()
    t.not(postgres.pid, pid)
    t.equal(await psql(one, 'select * from notes'), 'Grüß Gott')
  })

  t.test('is stopped with all of its connections, and goes on', async (t) => {
    const postgres = await startPostgres()
    t.teardown(() => postgres.stop())
    // One that is in the middle of a query, and one that has yet to log in.
    const sleeping = psql(postgres.url, 'select pg_sleep(0.2)').then(() => 'slept')
    const busy = "select count(*) from pg_stat_activity where query = 'select pg_sleep(0.2)'"
    await eventually(async () => (await psql(postgres.url, busy)) === '1')
    postgres.pause()
    const connecting = psql(postgres.url, 'select 1')
    const first = await Promise.race([
      sleeping,
      connecting,
      new Promise((silent) => setTimeout(silent, 600, 'silence')),
    ])
    t.equal(first, 'silence')
    postgres.resume()
    t.same(await Promise.all([sleeping, connecting]), ['slept', '1'])
  })

  t.test('only reads after a restart as a standby, and writes after another', async (t) => {
    const postgres = await startPostgres()
    t.teardown(() => postgres.stop())
    await postgres.restart({ standby: true })
    t.equal(await psql(postgres.url, 'select pg_is_in_recovery()'), 't')
    await t.rejects(psql(postgres.url, 'create table notes ()'), { message: /read-only transaction/ })
    await postgres.restart()
    t.equal(await psql(postgres.url, 'create table notes ()'), '')
  })

  t.test('stops when paused, and takes its data along', async (t) => {
    const postgres = await startPostgres()
    const data = await psql(postgres.url, 'show data_directory')
    t.ok(existsSync(data))
    const processes = [postgres.pid, ...processesUnder(postgres.pid)]
    postgres.pause()
    await postgres.stop()
    await eventually(() => !processes.some(isAlive))
    t.notOk(existsSync(join(data, '..')))
  })

  t.test('does not outlive the process that started it, paused or not, and nor does its data', async (t) => {
    const cwd = new URL('..', import.meta.url).pathname
    const temporary = mkdtempSync(join(tmpdir(), 'tenantry-testing-'))
    t.teardown(() => rmSync(temporary, { recursive: true }))
    // Whoever runs Postgres has to get into it.
    chmodSync(temporary, 0o755)
    for (const pause of ['', 'postgres.pause()']) {
      const script = `import('@tenantry/testing').then(async ({ startPostgres }) => {
        const postgres = await startPostgres()
        ${pause}
        console.log(postgres.pid)
        setInterval(() => {}, 1e6)
      })`
      const parent = await startProcess(process.execPath, ['-e', script], {
        env: { ...env, TMPDIR: temporary },
        cwd,
        until: /^\d+$/,
      })
      const postmaster = Number(parent.lines[0])
      const backends = processesUnder(postmaster)
      t.equal(readdirSync(temporary).length, 1)
      t.ok(backends.length > 0)
      await parent.stop('SIGKILL')
      await eventually(() => ![postmaster, ...backends].some(isAlive))
      await eventually(() => readdirSync(temporary).length === 0)
    }
  })

  t.test('fails with the output of a server that does not come up, and leaves nothing behind', (t) =>
    t.rejects(startPostgres({ args: ['-c', 'no_such_setting=x'] }), {
      message: /before it was up[^$]*no_such_setting/,
    }),
  )

  t.test('says what to install where there is none, and whom to run it as', async (t) => {
    t.match(findPostgresPrograms(), /^\//)
    const passwd = join(t.testdir(), 'passwd')
    writeFileSync(passwd, 'root:x:0:0::/root:/bin/sh\n')
    if (process.getuid?.() !== 0) {
      t.equal(postgresUser(passwd), undefined)
      return
    }
    t.throws(() => postgresUser(passwd), { message: /passwd has no user "postgres" to run it as/ })
    writeFileSync(passwd, 'root:x:0:0::/root:/bin/sh\npostgres:x:26:27::/:/bin/sh\n')
    t.same(postgresUser(passwd), { uid: 26, gid: 27 })
  })
})

t.test('startTcpProxy', async (t) => {
  /** Answers every piece with itself, in capitals; tells what it has heard and how many are connected. */
  async function scene(t: { teardown(end: () => void): void }) {
    const heard: string[] = []
    const peers = new Set<Socket>()
    const server = createServer((peer) => {
      peers.add(peer.on('close', () => peers.delete(peer)).on('error', () => undefined))
      peer.on('data', (data) => {
        heard.push(`${data}`)
        peer.write(`${data}`.toUpperCase())
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const proxy = await startTcpProxy({ to: port })
    t.teardown(() => {
      proxy.close()
      server.close()
    })

    async function client() {
      const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined)
      await once(socket, 'connect')
      let answers = ''
      socket.on('data', (data) => {
        answers += data
      })
      const says = (text: string) => void socket.write(text)
      const hears = (text: string) => eventually(() => answers === text)
      t.teardown(() => socket.destroy())
      return { socket, says, hears, answers: () => answers }
    }
    return { proxy, port, peers, heard, client }
  }

  t.test('passes on, counts and writes down', async (t) => {
    const { proxy, port, client } = await scene(t)
    t.equal(proxy.urlOf(`redis://:secret@127.0.0.1:${port}`), `redis://:secret@127.0.0.1:${proxy.port}`)
    t.equal(
      proxy.urlOf(`postgres://me@localhost:${port}/db?a=b`),
      `postgres://me@127.0.0.1:${proxy.port}/db?a=b`,
    )
    const [one, two] = [await client(), await client()]
    one.says('a')
    await one.hears('A')
    two.says('b')
    await two.hears('B')
    t.equal(proxy.connections, 2)
    t.equal(proxy.received, 'ab')
  })

  t.test(
    'holds what matches, and all that follows, on every connection, until it is told to resume',
    async (t) => {
      const { proxy, heard, client } = await scene(t)
      const [one, two] = [await client(), await client()]
      const held = proxy.holdWhen(/^commit$/i)
      one.says('begin')
      await one.hears('BEGIN')
      one.says('COMMIT')
      await held
      one.says('more')
      two.says('other')
      const three = await client()
      three.says('late')
      await eventually(() => proxy.received.endsWith('late'))
      t.same(heard, ['begin'])
      proxy.resume()
      await one.hears('BEGINCOMMITMORE')
      await two.hears('OTHER')
      await three.hears('LATE')
      one.says('COMMIT')
      await one.hears('BEGINCOMMITMORECOMMIT')
    },
  )

  t.test('holds the answer, and all that follows', async (t) => {
    const { proxy, heard, client } = await scene(t)
    const [one, two] = [await client(), await client()]
    const held = proxy.holdWhen('set', { after: true })
    one.says('set')
    await held
    t.same(heard, ['set'], 'the server has answered')
    two.says('get')
    await eventually(() => proxy.received === 'setget')
    t.same(heard, ['set'])
    t.equal(one.answers(), '')
    proxy.resume()
    await one.hears('SET')
    await two.hears('GET')
  })

  t.test('passes on that a client has gone, and not what was held of it', async (t) => {
    const { proxy, heard, peers, client } = await scene(t)
    const one = await client()
    const held = proxy.holdWhen('commit')
    one.says('commit')
    await held
    t.equal(peers.size, 1)
    one.socket.destroy()
    await eventually(() => peers.size === 0)
    proxy.resume()
    const two = await client()
    two.says('next')
    await two.hears('NEXT')
    t.same(heard, ['next'])
  })

  t.test('swallows answers, or everything, or cuts', async (t) => {
    const { proxy, heard, client } = await scene(t)
    const one = await client()
    one.says('a')
    await one.hears('A')
    proxy.swallowAnswers()
    one.says('b')
    await eventually(() => heard.length === 2)
    proxy.swallowEverything()
    one.says('c')
    const two = await client()
    two.says('d')
    await two.hears('D')
    t.same(heard, ['a', 'b', 'd'])
    t.equal(one.answers(), 'A')
    const closed = Promise.all([one, two].map(({ socket }) => once(socket, 'close')))
    proxy.cut()
    await closed
    const three = await client()
    proxy.close()
    await once(three.socket, 'close')
    await t.rejects(once(connect(proxy.port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
  })

  t.test('leaves connections half open: neither side is told that the other one has gone', async (t) => {
    const { proxy, heard, peers, client } = await scene(t)
    const one = await client()
    one.says('a')
    await one.hears('A')
    proxy.swallowEverything({ new: true })
    const two = await client()
    const closed: Socket[] = []
    for (const { socket } of [one, two]) socket.on('close', () => closed.push(socket))
    one.says('lost')
    two.says('also')
    await eventually(() => proxy.swallowed === 8 && peers.size === 2)
    for (const peer of peers) peer.destroy()
    one.socket.destroy()
    proxy.passNew()
    const three = await client()
    three.says('b')
    await three.hears('B')
    two.says('ever')
    await eventually(() => proxy.swallowed === 12)
    t.same(closed, [one.socket])
    t.same(heard, ['a', 'b'])
    t.equal(one.answers() + two.answers(), 'A')
  })

  t.test('delays answers, in their order, and the end behind them', async (t) => {
    const { proxy, peers, client } = await scene(t)
    const one = await client()
    proxy.delayAnswers(200)
    const since = performance.now()
    one.says('a')
    await eventually(() => proxy.received === 'a')
    one.says('b')
    await eventually(() => proxy.received === 'ab')
    proxy.delayAnswers(0)
    one.says('c')
    const ended = once(one.socket, 'end')
    await eventually(() => proxy.received === 'abc')
    // What was sent before this end is answered by then.
    await eventually(() => [...peers].every((peer) => peer.bytesWritten === 3))
    for (const peer of peers) peer.end()
    await ended
    t.ok(performance.now() - since >= 195)
    t.equal(one.answers(), 'ABC')
  })
})

t.test('startBrowser', async (t) => {
  t.test('shows a page of a server on this machine, whatever it is called there', async (t) => {
    const browser = await startBrowser()
    t.teardown(() => browser.close())
    const server = createServer((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>Good morning</h1>'),
    ).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const page = await browser.newPage()
    await page.goto(`http://acme.localhost:${(server.address() as AddressInfo).port}/`)
    t.equal(await page.textContent('h1'), 'Good morning')
  })

  t.test('is not left running by a process that is killed', async (t) => {
    const cwd = new URL('..', import.meta.url).pathname
    const script = `import('@tenantry/testing').then(async ({ startBrowser }) => {
      await startBrowser()
      console.log('up')
    })`
    const parent = await startProcess(process.execPath, ['-e', script], { env, cwd, until: /up/ })
    const [browser = 0] = processesUnder(parent.pid)
    t.ok(isAlive(browser))
    await parent.stop('SIGKILL')
    await eventually(() => !isAlive(browser))
  })

  t.test('says what to install where there is none', async (t) => {
    setVariable(t, 'CHROMIUM_PATH', '/no/such/chromium')
    await t.rejects(startBrowser(), {
      message: 'CHROMIUM_PATH: expected the path of a program, got "/no/such/chromium"',
    })
    setVariable(t, 'CHROMIUM_PATH', undefined)
    setVariable(t, 'PATH', '')
    await t.rejects(startBrowser(), {
      message: /^None of chromium, chromium-browser, google-chrome is on PATH\. Install Chromium/,
    })
  })
})
