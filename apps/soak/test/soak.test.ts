import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { eventually } from '@tenantry/testing'
import t from 'tap'
import { runSoak } from '../src/soak.ts'
import type { SoakedTenant } from '../src/tenants.ts'

t.test('nothing leaks', async (t) => {
  const problems = await runSoak({ rounds: 8, roundMs: 800, onRound: (line) => t.comment(line) })
  t.strictSame(problems, [])
})

t.test('the soak sees what somebody holds on to: tenants, leases, handles, timers', async (t) => {
  const kept: SoakedTenant[] = []
  const opened: Server[] = []
  const begun: NodeJS.Timeout[] = []
  t.teardown(() => {
    for (const server of opened) server.close()
    for (const timer of begun) clearInterval(timer)
  })
  const problems = await runSoak({
    rounds: 2,
    roundMs: 400,
    quietTimeoutMs: 1000,
    sabotage: {
      disposed: (tenant) => void kept.push(tenant),
      async round(pool) {
        const server = createServer().listen(0, '127.0.0.1')
        opened.push(server)
        await once(server, 'listening')
        for (let timer = 0; timer < 10; timer += 1) begun.push(setInterval(() => {}, 1_000_000))
        // The store may have just gone, or the tenant not be loaded at first.
        await eventually(() => pool.acquire(`tenant-${opened.length}`), { timeoutMs: 20_000 })
      },
    },
  })
  t.ok(kept.length > 0)
  for (const problem of [
    'Disposed tenants are still referred to',
    'Leases are left',
    'A tenant was held until its drain deadline',
    'Connections or handles are left',
    /2 TCPServerWrap/,
    /\b(1[89]|2[0-2]) Timeout/,
  ]) {
    t.ok(
      problems.some((each) => each.match(problem)),
      `${problem}`,
    )
  }
})

t.test('what nobody could tell anything from is refused', async (t) => {
  for (const rounds of [1, 2.5, Number.NaN]) {
    await t.rejects(runSoak({ rounds, roundMs: 100 }), {
      message: `Expected \`rounds\` to be a whole number >= 2, got ${rounds}`,
    })
  }
})

t.test('a soak that fails leaves no Redis behind', async (t) => {
  const error = new Error('What happens meanwhile has failed')
  const sabotage = { round: () => Promise.reject(error) }
  await t.rejects(runSoak({ rounds: 2, roundMs: 100, sabotage }), error)
  t.notOk(process.getActiveResourcesInfo().includes('ProcessWrap'))
})
