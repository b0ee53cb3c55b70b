import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import t from 'tap'
import { eventually, freePort, startMemcached, startProcess, startRedis } from '../src/index.ts'

const node = process.execPath
/** Children of these tests are plain Node: none of tap's instruments in them. */
const env = { NODE_OPTIONS: undefined, NODE_V8_COVERAGE: undefined }

/** Whether a process with this id runs; one that has ended but was not yet collected by its parent does not. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function refuses(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const connected = await once(socket, 'connect').catch(() => null)
  socket.destroy()
  return connected === null
}

t.test('freePort gives a port that can be listened on', async (t) => {
  const port = await freePort()
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  server.close()
  t.ok(port + 10_000 < 32_768, 'with room for a Cluster bus, below the ports that outgoing connections take')
})

t.test('eventually', async (t) => {
  let looks = 0
  t.equal(await eventually(() => (++looks === 3 ? 'there' : undefined)), 'there')
  t.equal(looks, 3)
  await t.rejects(
    eventually(() => false, { timeoutMs: 20, intervalMs: 5 }),
    { message: /did not hold within 20 ms/, cause: undefined },
  )
  const refuse = () => {
    throw new Error('not yet')
  }
  await t.rejects(eventually(refuse, { timeoutMs: 20 }), { cause: { message: 'not yet' } })
})

t.test('startProcess', async (t) => {
  t.test('waits for the line, collects the output, and tells the exit code', async (t) => {
    const script =
      'console.error("up and running"); process.on("SIGTERM", () => process.exit(3)); setInterval(() => {}, 1e6)'
    for (const until of [/up and/, (line: string) => line.endsWith('running')]) {
      const started = await startProcess(node, ['-e', script], { env, until })
      t.same(started.lines, ['up and running'])
      t.equal(await started.stop(), 3)
    }
  })

  t.test('passes environment and directory on', async (t) => {
    const script = 'console.log(process.env.GREETING + process.cwd())'
    const started = await startProcess(node, ['-e', script], {
      env: { ...env, GREETING: 'hello ' },
      cwd: '/',
    })
    t.equal(await started.exit, 0)
    t.same(started.lines, ['hello /'])
  })

  t.test('fails with the output when the process ends before it is up', async (t) => {
    const args = ['-e', 'console.log("oh no"); process.exit(4)']
    await t.rejects(startProcess(node, args, { env, until: /up/ }), {
      message: /ended with 4 before it was up\n {2}oh no$/,
    })
  })

  t.test('fails, and leaves nothing running, when the process is not up in time', async (t) => {
    // Not Node, which may take longer than that before it says anything.
    const args = ['-c', 'echo $$; exec sleep 1000']
    const error = await startProcess('sh', args, { env, until: /up/, timeoutMs: 500 }).then(
      () => t.fail('should have failed'),
      (error: Error) => error,
    )
    t.match(error, { message: /was not up within 500 ms\n {2}\d+$/ })
    t.notOk(isAlive(Number(String(error).match(/\d+$/))))
  })

  t.test('fails clearly when there is no such command', (t) =>
    t.rejects(startProcess('no-such-command'), { message: 'no-such-command is not on PATH' }),
  )

  t.test('a Ctrl-C in the terminal is for the process that started it', async (t) => {
    const { pid, stop } = await startProcess(node, ['-e', 'setInterval(() => {}, 1e6)'], { env })
    t.ok(isAlive(-pid), 'it leads a process group, which is not that of the terminal')
    await stop('SIGKILL')
  })

  t.test('a child does not outlive the process that started it', async (t) => {
    const cwd = new URL('..', import.meta.url).pathname
    const child = `require('net').createServer().listen(0, '127.0.0.1', function () {
      console.log(this.address().port)
    })`
    const ends = ['process.exit()', 'throw new Error("crash")', 'process.kill(process.pid, "SIGKILL")']
    for (const end of ends) {
      const script = `import('@tenantry/testing').then(async ({ startProcess }) => {
        const { lines } = await startProcess(process.execPath, ['-e', ${JSON.stringify(child)}], { until: /./ })
        console.log(lines[0])
        setImmediate(() => { ${end} })
      })`
      const parent = await startProcess(node, ['-e', script], { env, cwd })
      await parent.exit
      const port = Number(parent.lines[0])
      t.ok(port > 0, end)
      await eventually(() => refuses(port))
    }
  })
})

t.test('startRedis', async (t) => {
  t.test('answers, is stopped and goes on, is killed and comes back empty on its port', async (t) => {
    const redis = await startRedis()
    t.teardown(() => redis.stop())
    t.equal(redis.url, `redis://127.0.0.1:${redis.port}`)
    t.equal(await redis.cli('SET', 'greeting', 'Grüß\r\nGott'), 'OK')
    t.equal(await redis.cli('GET', 'greeting'), 'Grüß\r\nGott')
    t.equal(await redis.cli('GET', 'nothing'), '')
    t.equal(await redis.cli('MGET', 'greeting', 'nothing'), 'Grüß\r\nGott\n')
    t.equal(await redis.cli('STRLEN', 'greeting'), '12')
    await t.rejects(redis.cli('LPUSH', 'greeting', '1'), { message: /^WRONGTYPE/ })

    redis.pause()
    let answered = false
    const answer = redis.cli('PING').finally(() => {
      answered = true
    })
    const socket = connect(redis.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
    t.notOk(answered, 'paused, it accepts connections and does not answer')
    redis.resume()
    t.equal(await answer, 'PONG')

    redis.pause()
    const unanswered = t.rejects(redis.cli('PING'))
    const { pid } = redis
    await redis.kill()
    await unanswered
    t.notOk(isAlive(pid))
    await t.rejects(redis.cli('PING'), { code: 'ECONNREFUSED' })
    await redis.restart()
    t.not(redis.pid, pid)
    t.equal(await redis.cli('GET', 'greeting'), '')
  })

  t.test('stops when paused, and takes its directory along', async (t) => {
    const redis = await startRedis()
    const [, directory = ''] = (await redis.cli('CONFIG', 'GET', 'dir')).split('\n')
    t.ok(existsSync(directory))
    redis.pause()
    await redis.stop()
    t.notOk(isAlive(redis.pid))
    t.notOk(existsSync(directory))
  })

  t.test('asks for a password', async (t) => {
    const redis = await startRedis({ password: 'p@ss/word' })
    t.teardown(() => redis.stop())
    t.equal(new URL(redis.url).password, 'p%40ss%2Fword')
    t.equal(await redis.cli('PING'), 'PONG')
  })

  t.test('fails with the output of a server that does not come up', (t) =>
    t.rejects(startRedis({ args: ['--no-such-option', 'x'] }), {
      message: /before it was up[^$]*no-such-option/,
    }),
  )

  t.test('looks for another port when somebody else was quicker', async (t) => {
    const taken = await startRedis()
    t.teardown(() => taken.stop())
    const real = process.env.PATH
    t.teardown(() => {
      process.env.PATH = real
    })
    // An argument given later wins: every attempt finds its port taken, and the fifth gives up.
    await t.rejects(startRedis({ args: ['--port', `${taken.port}`] }), { message: /Address already in use/ })
    process.env.PATH = ''
    await t.rejects(startRedis(), { message: /^redis-server is not on PATH\. Install Redis/ })
  })
})

t.test('startMemcached', async (t) => {
  t.test('answers, is stopped and goes on, is killed and comes back empty on its port', async (t) => {
    const memcached = await startMemcached()
    t.teardown(() => memcached.stop())
    t.equal(memcached.address, `127.0.0.1:${memcached.port}`)
    t.equal(await memcached.ask('set greeting 0 0 12\r\nGrüß\r\nGott'), 'STORED')
    t.equal(await memcached.ask('get greeting nothing'), 'VALUE greeting 0 12\r\nGrüß\r\nGott\r\nEND')
    t.equal(await memcached.ask('mg greeting t v'), 'VA 12 t-1\r\nGrüß\r\nGott')
    t.equal(await memcached.ask('get nothing'), 'END')
    await t.rejects(memcached.ask('no-such-command'), { message: 'ERROR' })
    await t.rejects(memcached.ask('incr greeting 1'), { message: /^CLIENT_ERROR cannot increment/ })

    memcached.pause()
    let answered = false
    const answer = memcached.ask('get nothing').finally(() => {
      answered = true
    })
    const socket = connect(memcached.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
    t.notOk(answered, 'paused, it accepts connections and does not answer')
    memcached.resume()
    t.equal(await answer, 'END')

    memcached.pause()
    const unanswered = t.rejects(memcached.ask('get nothing'))
    const { pid } = memcached
    await memcached.kill()
    await unanswered
    t.notOk(isAlive(pid))
    await t.rejects(memcached.ask('get nothing'), { code: 'ECONNREFUSED' })
    await memcached.restart()
    t.not(memcached.pid, pid)
    t.equal(await memcached.ask('get greeting'), 'END')
  })

  t.test('is stopped with all of its threads when pause returns', async (t) => {
    if (process.platform !== 'linux') return
    const memcached = await startMemcached()
    t.teardown(() => memcached.stop())
    const threads = `/proc/${memcached.pid}/task`
    for (let times = 0; times < 50; times += 1) {
      const busy = memcached.ask('stats')
      memcached.pause()
      const stats = readdirSync(threads).map((id) => readFileSync(`${threads}/${id}/stat`, 'utf8'))
      memcached.resume()
      t.ok(stats.length > 1 && stats.every((stat) => stat.includes(') T ')))
      await busy
    }
  })

  t.test('stops when paused', async (t) => {
    const memcached = await startMemcached()
    memcached.pause()
    await memcached.stop()
    t.notOk(isAlive(memcached.pid))
  })

  t.test('fails with the output of a server that does not come up', (t) =>
    t.rejects(startMemcached({ args: ['--no-such-option'] }), {
      message: /^memcached ended before it was up[^$]*no-such-option/,
    }),
  )

  t.test('looks for another port when somebody else was quicker', async (t) => {
    const taken = await startMemcached()
    t.teardown(() => taken.stop())
    const real = process.env.PATH
    t.teardown(() => {
      process.env.PATH = real
    })
    // An argument given later wins: every attempt finds its port taken, and the fifth gives up.
    await t.rejects(startMemcached({ args: ['-p', `${taken.port}`] }), { message: /Address already in use/ })
    process.env.PATH = ''
    await t.rejects(startMemcached(), { message: /^memcached is not on PATH\. Install Memcached/ })
  })
})
