import { once } from 'node:events'
import { createServer } from 'node:net'
import { type Answer, ask, eventually, freePort } from '@tenantry/testing'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { openGivenScene } from '../src/given-scene.ts'
import { openLocalScene } from '../src/local-scene.ts'
import type { Control, Scene } from '../src/scene.ts'

const HOST = 'acme.localhost'

t.test('replicas behind HAProxy', async (t) => {
  const scene = await openLocalScene({ replicas: 2, maxAgeMs: 0, direct: false })
  t.teardown(() => scene.close())
  const control = scene.control as Control
  t.match(scene.description, /^2 replicas behind HAProxy/)
  await createTenant(scene)

  await t.test('there is one target, and it tells whose answer it gives', async (t) => {
    t.equal(scene.targets().length, 1)
    t.equal(scene.targets()[0]?.replica, undefined)
    const names = new Set<unknown>()
    for (let count = 0; count < 4; count += 1) {
      const { status, headers } = await whoAmI(scene)
      t.equal(status, 200)
      t.equal(headers['x-load-test-server'], headers['x-tenantry-replica'])
      names.add(headers['x-tenantry-replica'])
    }
    t.strictSame([...names].sort(), ['replica-1', 'replica-2'])
  })

  await t.test(
    'what is added is asked, and what is removed or killed no longer, without a failure',
    async (t) => {
      const traffic = startTraffic(t, scene)
      t.equal(await control.addReplica(), 'replica-3')
      await traffic.untilAsked('replica-3')
      t.equal((await scene.adminUrls()).length, 3)

      const removed = await control.removeReplica()
      await traffic.untilNotAsked(removed)
      t.equal((await scene.adminUrls()).length, 2)

      await control.addReplica()
      let told = ''
      const killed = await control.killReplica((name) => {
        told = name
      })
      t.equal(told, killed)
      await traffic.untilNotAsked(killed)
      t.strictSame(await traffic.stop(), [])
    },
  )

  await t.test('an outage keeps Redis away, and then every replica reaches it again', async (t) => {
    const redis = new Redis(scene.redisUrl as string)
    t.teardown(() => redis.disconnect())
    const traffic = startTraffic(t, scene)
    await redis.ping()
    await traffic.untilReplicas(2)
    const from = performance.now()
    const back: string[] = []
    const outage = control.outage(1000, (replica) => back.push(replica))
    await redis.ping()
    t.ok(performance.now() - from >= 1000, 'nothing is answered meanwhile')
    await outage
    t.strictSame(await storeReachable(scene), [1, 1])
    t.equal(back.length, 2, 'each was told')
    t.strictSame(await traffic.stop(), [], 'what is in memory is served meanwhile')
  })

  await t.test('it can be measured as what stands already, too', async (t) => {
    const [admin = ''] = await scene.adminUrls()
    const url = (text: string) => new URL(text.replace('127.0.0.1', 'localhost'))
    const given = await openGivenScene({
      frontUrl: url(scene.targets()[0]?.origin ?? ''),
      managerUrl: url(scene.manager.url),
      adminUrl: url(admin),
      redisUrl: scene.redisUrl,
      apiKey: scene.manager.apiKey,
    })
    t.ok((await given.adminUrls()).includes(admin), 'a name stands for its addresses')
    t.equal(given.control, undefined)
    t.equal(given.manager.apiKey, scene.manager.apiKey)
    await given.close()
    t.equal((await whoAmI(scene)).status, 200, 'and it stands on')
  })

  await t.test('nothing is left when it is closed', async (t) => {
    const [admin = ''] = await scene.adminUrls()
    const front = scene.targets()[0]?.origin ?? ''
    await scene.close()
    for (const origin of [front, admin, scene.manager.url]) await t.rejects(fetch(origin), origin)
  })
})

t.test('replicas without HAProxy are asked by turns, and the last one cannot be taken away', async (t) => {
  const scene = await openLocalScene({ replicas: 2, maxAgeMs: 50, direct: true })
  t.teardown(() => scene.close())
  const control = scene.control as Control
  await createTenant(scene)
  const names = () => scene.targets().map(({ replica }) => replica)
  t.strictSame(names().sort(), ['replica-1', 'replica-2'])
  for (const { origin, replica } of scene.targets()) {
    t.equal((await whoAmI(scene, origin)).headers['x-tenantry-replica'], replica)
  }
  const killed = await control.killReplica((name) => {
    t.notOk(names().includes(name), 'it gets nothing any more when it is killed')
  })
  t.notOk(names().includes(killed))
  await t.rejects(control.removeReplica(), { message: /^expected two replicas or more, got 1/ })
  t.equal(await control.addReplica(), 'replica-3')
  t.ok(names().includes('replica-3'))
})

t.test('what is not there is told', async (t) => {
  const path = process.env.PATH
  // A shell is all that is left: it sees to what is started here.
  const programs = t.testdir({ sh: t.fixture('symlink', '/bin/sh') })
  process.env.PATH = programs
  t.teardown(() => {
    process.env.PATH = path
  })
  await t.rejects(openLocalScene({ replicas: 1, maxAgeMs: 0, direct: false }), {
    message: /^redis-server is not on PATH\. Install Redis/,
  })
  const there = createServer((socket) => socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'))
  await once(there.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => there.close())
  const { port } = there.address() as { port: number }
  const away = `http://127.0.0.1:${await freePort()}`
  const urls = { frontUrl: new URL(`http://127.0.0.1:${port}`), adminUrl: undefined, redisUrl: undefined }
  await t.rejects(openGivenScene({ ...urls, managerUrl: new URL(away), apiKey: undefined }), {
    name: 'SceneError',
    message: new RegExp(`^--manager: nothing answers at ${away}: .*ECONNREFUSED`),
  })
})

async function createTenant({ manager }: Scene): Promise<void> {
  const response = await fetch(`${manager.url}/api/tenants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${manager.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ id: 'acme', name: 'Acme', hostnames: [HOST], config: {} }),
  })
  if (response.status !== 201)
    throw new Error(`expected 201, got ${response.status}: ${await response.text()}`)
}

function whoAmI(scene: Scene, origin = scene.targets()[0]?.origin ?? ''): Promise<Answer> {
  return ask(Number(new URL(origin).port), '/whoami', { headers: { host: HOST } })
}

/** What each replica tells of the store. */
async function storeReachable(scene: Scene): Promise<number[]> {
  const pages = (await scene.adminUrls()).map(async (url) => (await fetch(`${url}/metrics`)).text())
  return (await Promise.all(pages)).map((page) => Number(/^tenantry_store_reachable (\d)$/m.exec(page)?.[1]))
}

/** Asks without a pause, four at a time. */
function startTraffic(t: Test, scene: Scene) {
  const failures: unknown[] = []
  const answers: unknown[] = []
  let isOn = true
  const askers = Array.from({ length: 4 }, goOnAsking)
  // Where something else has gone wrong before: it would go on for ever.
  t.teardown(stop)
  return { untilAsked, untilNotAsked, untilReplicas, stop }

  async function goOnAsking(): Promise<void> {
    while (isOn) {
      const answer = await whoAmI(scene).catch((error: unknown) => error as Error)
      if ('status' in answer && answer.status === 200) answers.push(answer.headers['x-tenantry-replica'])
      else failures.push('status' in answer ? `${answer.status} ${answer.body}` : answer)
    }
  }

  function untilAsked(replica: string): Promise<boolean> {
    return eventually(() => answers.slice(-20).includes(replica), { timeoutMs: 30_000 })
  }

  async function untilNotAsked(replica: string): Promise<void> {
    answers.length = 0
    await eventually(() => answers.length > 20 && !answers.slice(-20).includes(replica), {
      timeoutMs: 30_000,
    })
  }

  async function untilReplicas(count: number): Promise<void> {
    await eventually(() => new Set(answers.slice(-20)).size === count, { timeoutMs: 30_000 })
  }

  /** Resolves to what went wrong: errors, and answers other than 200. */
  async function stop(): Promise<unknown[]> {
    isOn = false
    await Promise.all(askers)
    return failures
  }
}
