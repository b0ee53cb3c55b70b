import { ask, eventually, startRedis } from '@tenantry/testing'
import t from 'tap'
import { bytesOfTenant, bytesPerTenant } from '../src/bytes-per-tenant.ts'
import { StartedServer } from '../src/started-server.ts'
import { subjectNamed, subjects } from '../src/subjects/index.ts'
import { hostOf } from '../src/tenant.ts'

const redis = await startRedis()
t.teardown(() => redis.stop())

for (const [name, subject] of Object.entries(subjects)) {
  t.test(
    `${name} answers with the tenant that the host names, and sees a restart ${subject.takesUp}`,
    async (t) => {
      const server = await StartedServer.start(name, { redisUrl: redis.url, tenants: 10 })
      t.teardown(() => server.stop())
      const buildOf = async (index: number): Promise<number> => {
        const answer = await ask(server.port, '/', { headers: { host: hostOf(index) } })
        const { build, ...rest } = answer.json()
        t.equal(answer.status, 200)
        t.strictSame(rest, { name: hostOf(index), greeting: `Hello from ${hostOf(index)}` })
        return build
      }
      const restart = () => subject.restart?.(redis.url, hostOf(3))

      const first = await buildOf(3)
      const other = await buildOf(4)
      t.not(other, first)
      if (subject.takesUp === 'never') {
        t.equal(subject.restart, undefined)
        t.equal(await buildOf(3), first)
        return
      }
      await restart()
      if (subject.takesUp === 'at once') t.not(await buildOf(3), first)
      else {
        // Told once more at each look: a server that has just started may not be listening to messages yet.
        const isSeen = async () => {
          if ((await buildOf(3)) !== first) return true
          await restart()
          return false
        }
        await eventually(isSeen, { timeoutMs: 30_000 })
      }
      t.equal(await buildOf(4), other, 'the other tenant stays')
    },
  )
}

t.test('a subject that does not exist is named, and those that do', async (t) => {
  t.throws(() => subjectNamed('nobody'), { message: /one of bare, .*; got "nobody"/ })
})

t.test('a server that cannot start says so', async (t) => {
  await t.rejects(StartedServer.start('nobody', { redisUrl: redis.url, tenants: 1 }), {
    message: /The server of nobody ended with 1/,
  })
})

t.test('what a tenant takes up is told, and what its server holds beside it', async (t) => {
  const setting = { redisUrl: redis.url, tenants: 2000 }
  // Two strings, and an object that points to them.
  t.ok((await bytesOfTenant('bare', setting)) > 50)
  t.ok((await bytesPerTenant('every-request', setting)) > 50)
})
