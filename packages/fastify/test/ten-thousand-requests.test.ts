import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '@tenantry/testing'
import t from 'tap'
import { serve, TENANTS } from './support/serve.ts'
import { plainWays, routeWays, streamedWays } from './support/ways.ts'
import { Wire } from './support/wire.ts'
import { Work } from './support/work.ts'

const REQUESTS = 10_000
const AT_A_TIME = 48
const REQUESTS_PER_RESTART = 100

/** Long enough for every handler on a busy machine: no tenant is disposed of under one because the time is up. */
const DRAIN_TIMEOUT_MS = 6000

/** Takes up to 3 ms. */
class BriefWork extends Work {
  #count = 0

  override async do(): Promise<void> {
    this.#count += 1
    if (this.#count % 5 > 0) await sleep(this.#count % 4)
  }
}

t.setTimeout(180_000)

t.test('ten thousand requests that end in every way, and restarts in between', async (t) => {
  const work = new BriefWork()
  const served = await serve(t, {
    plugin: { drainTimeoutMs: DRAIN_TIMEOUT_MS },
    routes: (app) => routeWays(app, work),
  })
  const { app, built, lifecycle, port } = served
  const hosts = [...TENANTS]
  const ways = { ...plainWays(work), ...streamedWays(work) }
  const others = ['/throws', '/early', '/hijacks', '/limited', '/nowhere', '/generation']
  const lines = [
    ...[...Object.keys(ways), ...others].map((path) => `GET ${path}`),
    ...['/returns', '/rejects', '/generates', '/pulls'].map((path) => `HEAD ${path}`),
    'POST /body',
  ]
  let clients = 0
  let sent = 0
  let answered = 0
  const refused: string[] = []

  /** One client after the other, which differ in what they ask for and in how that ends. */
  async function runClients(): Promise<void> {
    while (sent < REQUESTS) {
      const index = clients
      clients += 1
      // No two of these counts have a measure in common: every request meets every host and every end.
      const line = lines[index % lines.length]
      const head = `${line} HTTP/1.1\r\nHost: ${hosts[index % hosts.length]}\r\n`
      const end = index % 7
      sent += end === 6 ? 3 : 1
      if (index % REQUESTS_PER_RESTART === 0) await lifecycle.restart(hosts[index % hosts.length] as string)
      const wire = await Wire.open(port)
      if (end < 4) {
        wire.send(`${head}Connection: close\r\n\r\n`)
        await wire.ended()
        answered += 1
        if (wire.received.includes('TENANTRY_ERR')) refused.push(wire.received)
        continue
      }
      if (end === 6) wire.send(`${head}\r\n`.repeat(3))
      else wire.send(`${head}Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nte`)
      if (index % 5 > 0) await sleep(index % 5)
      if (index % 2 === 0) wire.vanish()
      else wire.socket.resetAndDestroy()
    }
  }

  await Promise.all(Array.from({ length: AT_A_TIME }, runClients))
  t.equal(lines.length, 22, 'which is 2 · 11; there are 3 hosts, and 7 ends')
  t.comment(`${sent} requests, ${answered} answered, ${built.length} generations`)
  t.ok(sent >= REQUESTS)
  t.strictSame(refused, [])
  await eventually(() => app.tenants.stats().leases === 0, { timeoutMs: 2 * DRAIN_TIMEOUT_MS })
  t.match(app.tenants.stats(), { leases: 0, draining: 0, tenants: hosts.length })
  t.ok(built.length >= REQUESTS / REQUESTS_PER_RESTART / 2, 'restarts were taken up meanwhile')

  await app.close()
  t.strictSame(work.mourners, [], 'G3: no tenant was disposed of under a handler at work')
  t.strictSame(
    built.filter(({ disposals }) => disposals !== 1),
    [],
    'G3: each was disposed of exactly once',
  )
})
