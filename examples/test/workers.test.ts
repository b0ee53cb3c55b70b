import { randomUUID } from 'node:crypto'
import { type RedisServer, startRedis } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { patiently } from './support/patiently.ts'
import { endsWell, runExample, type StartedExample, startExample } from './support/start-example.ts'
import { type TenantsFixture, tenantsFixture } from './support/tenants-fixture.ts'
import { startWebhookReceiver, type WebhookReceiver } from './support/webhook-receiver.ts'

interface Scene {
  readonly redis: RedisServer
  readonly receiver: WebhookReceiver
  readonly tenants: TenantsFixture
  readonly env: Record<string, string>
  /** Commits another webhook for Acme, and then restarts it, by hand. */
  moveAcme(path: string): Promise<unknown>
}

async function openScene(t: Test): Promise<Scene> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const receiver = await startWebhookReceiver(t)
  const tenants = tenantsFixture(t)
  tenants.change('acme.localhost', { webhook: `${receiver.url}/acme/first` })
  tenants.change('globex.localhost', { webhook: `${receiver.url}/globex` })
  return {
    redis,
    receiver,
    tenants,
    env: { REDIS_URL: redis.url, TENANTS_FILE: tenants.path },
    moveAcme(path) {
      tenants.change('acme.localhost', { webhook: `${receiver.url}${path}` })
      return redis.cli('SET', 'tenantry:tenant:acme.localhost', randomUUID())
    },
  }
}

/** Waits until an example has said something so often. */
async function said(example: StartedExample, what: RegExp, times = 1): Promise<void> {
  await patiently(() => example.lines.filter((line) => what.test(line)).length >= times)
}

t.test('bullmq-worker.js', async (t) => {
  const { redis, receiver, env, moveAcme } = await openScene(t)
  const worker = await startExample(t, 'bullmq-worker.js', env)

  async function addJob(t: Test, ...events: string[]): Promise<void> {
    const producer = await runExample(t, 'bullmq-worker.js', { args: ['acme.localhost', ...events], env })
    await endsWell(t, producer)
  }

  await t.test(
    'a job that starts after a restart sees the new tenant, a long one keeps the old',
    async (t) => {
      await addJob(t, 'ordered', 'paid', 'shipped')
      const ordered = await receiver.next()
      t.match(ordered, { path: '/acme/first', body: 'ordered' })

      await moveAcme('/acme/second')
      await addJob(t, 'refunded')
      const refunded = await receiver.next()
      t.match(refunded, { path: '/acme/second', body: 'refunded' }, 'beside the first job, which is at work')

      ordered.answer()
      const paid = await receiver.next()
      t.match(paid, { path: '/acme/first', body: 'paid' })
      paid.answer()
      const shipped = await receiver.next()
      t.match(shipped, { path: '/acme/first', body: 'shipped' })
      shipped.answer()
      refunded.answer()
      await said(worker, /^Job 1 goes on as it began: The tenant was restarted$/)
      await patiently(async () => (await redis.cli('ZCARD', 'bull:webhooks:completed')) === '2')
    },
  )

  await t.test('the signal tells a job of a restart also where no other job begins', async (t) => {
    await addJob(t, 'ordered', 'paid')
    const ordered = await receiver.next()
    t.match(ordered, { path: '/acme/second', body: 'ordered' })
    await moveAcme('/acme/third')
    await said(worker, /^acme\.localhost has been restarted$/, 2)
    ordered.answer()
    const paid = await receiver.next()
    t.match(paid, { path: '/acme/second', body: 'paid' })
    await said(worker, /^Job 3 goes on as it began: The tenant was restarted$/)
    paid.answer()
  })

  await t.test('a delivery that fails is repeated', async (t) => {
    await addJob(t, 'ordered')
    ;(await receiver.next()).answer(500)
    await said(worker, /^Job 4 failed: .*answered 500/)
    const again = await receiver.next()
    t.match(again, { path: '/acme/third', body: 'ordered' })
    again.answer()
    await patiently(async () => (await redis.cli('ZCARD', 'bull:webhooks:completed')) === '4')
  })

  await t.test('what has been delivered is not delivered again', async (t) => {
    await addJob(t, 'ordered', 'paid')
    ;(await receiver.next()).answer()
    const paid = await receiver.next()
    t.match(paid, { body: 'paid' })
    paid.answer(500)
    await said(worker, /^Job 5 failed: .*answered 500/)
    const again = await receiver.next()
    t.match(again, { body: 'paid' })
    again.answer()
    await patiently(async () => (await redis.cli('ZCARD', 'bull:webhooks:completed')) === '5')
  })

  await t.test('a job of a tenant that does not exist is not tried again', async (t) => {
    const producer = await runExample(t, 'bullmq-worker.js', { args: ['initech.localhost', 'ordered'], env })
    await endsWell(t, producer)
    await said(worker, /^Job 6 failed: UnrecoverableError: There is no such tenant$/)
    await patiently(async () => (await redis.cli('ZCARD', 'bull:webhooks:failed')) === '1')
  })

  await t.test('it ends when the job under way has ended', async (t) => {
    await addJob(t, 'ordered', 'paid')
    const ordered = await receiver.next()
    const stopped = worker.stop()
    await said(worker, /^Ending, after the jobs under way$/)
    receiver.answerAll()
    ordered.answer()
    t.equal(await stopped, 0)
    t.equal(await redis.cli('ZCARD', 'bull:webhooks:completed'), '6')
    t.match(worker.lines.at(-1), /^Job 7 delivered "paid"/)
  })
})

/** Waits until a worker stands at the queue. */
async function waitsForJobs({ redis }: Scene): Promise<void> {
  await patiently(async () => (await redis.cli('CLIENT', 'LIST')).includes('cmd=bzpopmin'))
}

t.test('bullmq-worker.js ends while Redis is silent', async (t) => {
  const scene = await openScene(t)
  const worker = await startExample(t, 'bullmq-worker.js', { ...scene.env, END_WITHIN_MS: '1000' })
  await waitsForJobs(scene)
  scene.redis.pause()
  t.equal(await worker.stop(), 1)
})

t.test('bullmq-worker.js tells once that Redis is down', async (t) => {
  const scene = await openScene(t)
  const worker = await startExample(t, 'bullmq-worker.js', scene.env)
  await waitsForJobs(scene)
  await scene.redis.kill()
  await said(worker, /ECONNREFUSED/)
  await scene.redis.restart()
  await waitsForJobs(scene)
  t.equal(worker.lines.filter((line) => line.includes('ECONNREFUSED')).length, 1, worker.lines.join('\n'))
  t.equal(await worker.stop(), 0)
})

t.test('a webhook that is silent', { jobs: 3 }, async (t) => {
  /** Ends by itself, not killed: a delivery may take ten seconds. */
  async function endsOnSigterm(t: Test, example: StartedExample): Promise<void> {
    example.child.kill('SIGTERM')
    await endsWell(t, example)
  }

  t.test('bullmq-worker.js: its job fails, and the worker can end', async (t) => {
    const { receiver, env } = await openScene(t)
    const worker = await startExample(t, 'bullmq-worker.js', env)
    await endsWell(t, await runExample(t, 'bullmq-worker.js', { args: ['acme.localhost', 'ordered'], env }))
    await receiver.next()
    await endsOnSigterm(t, worker)
    await said(worker, /^Job 1 failed: .*timeout/)
  })

  t.test('scheduled-job.js: it holds the others up for a while only', async (t) => {
    const { receiver, env } = await openScene(t)
    const scheduled = await startExample(t, 'scheduled-job.js', { ...env, SCHEDULE: '* * * * * *' })
    t.match(await receiver.next(), { path: '/acme/first' })
    const globex = await receiver.next()
    t.match(globex, { path: '/globex' })
    await said(scheduled, /^acme\.localhost: .*timeout/)
    receiver.answerAll()
    globex.answer()
    await endsOnSigterm(t, scheduled)
  })

  t.test('scheduled-job.js: it can end, and leaves alone the tenants to come', async (t) => {
    const { receiver, env } = await openScene(t)
    const scheduled = await startExample(t, 'scheduled-job.js', { ...env, SCHEDULE: '* * * * * *' })
    await receiver.next()
    await endsOnSigterm(t, scheduled)
    await said(scheduled, /^acme\.localhost: .*timeout/)
    t.notOk(scheduled.lines.some((line) => line.startsWith('globex.localhost')))
  })
})

t.test('scheduled-job.js', async (t) => {
  const { receiver, env, moveAcme } = await openScene(t)
  const scheduled = await startExample(t, 'scheduled-job.js', { ...env, SCHEDULE: '* * * * * *' })

  async function receiveReport(t: Test, path: string, parts = ['orders', 'stock', 'returns']): Promise<void> {
    for (const body of parts) {
      const delivery = await receiver.next()
      t.match(delivery, { path, body })
      delivery.answer()
    }
  }

  await t.test(
    'a report that is being sent keeps its tenant, and ends early when that is restarted',
    async (t) => {
      await receiveReport(t, '/acme/first', ['orders'])
      const stock = await receiver.next()
      t.match(stock, { path: '/acme/first', body: 'stock' })
      await moveAcme('/acme/second')
      await said(scheduled, /^acme\.localhost has been restarted$/)
      stock.answer()
      await receiveReport(t, '/globex')
      await said(scheduled, /^acme\.localhost: the report ends early: The tenant was restarted$/)
    },
  )

  await t.test('the next run sees the new tenant', (t) => receiveReport(t, '/acme/second'))

  await t.test('a report that cannot be sent leaves the others alone', async (t) => {
    await receiveReport(t, '/globex')
    ;(await receiver.next()).answer(500)
    await receiveReport(t, '/globex')
    await said(scheduled, /^acme\.localhost: .*\/acme\/second answered 500$/)
  })

  await t.test('it ends in the middle of a report', async (t) => {
    const orders = await receiver.next()
    const stopped = scheduled.stop()
    await said(scheduled, /^Ending, after the report under way$/)
    orders.answer()
    t.equal(await stopped, 0)
    await said(scheduled, /^acme\.localhost: the report ends early: The server is closing$/)
  })
})

t.test('signing-keys.js', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const example = await runExample(t, 'signing-keys.js', { env: { REDIS_URL: redis.url } })
  await endsWell(t, example)
  const told = (pattern: RegExp) => example.lines.flatMap((line) => pattern.exec(line)?.slice(1) ?? [])

  await t.test('every service signs with the key in force', async (t) => {
    const [first, , , , last] = told(/signed with (.+)/)
    t.not(first, last)
    t.same(told(/signed with (.+)/), [first, first, first, first, last, last])
  })

  await t.test('a service imports a key once', async (t) => {
    t.same(told(/^(\w+) imports/), ['billing', 'mailer', 'billing', 'mailer'])
  })

  await t.test('its tokens are apart from those of tenants', async (t) => {
    const keys = (await redis.cli('KEYS', '*')).split('\n')
    t.ok(keys.includes('signing-keys:tenant:invoices'))
    t.notOk(keys.some((key) => key.startsWith('tenantry:')))
  })
})
