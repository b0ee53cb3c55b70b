import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '@tenantry/testing'
import type { Test } from 'tap'
import type { Adapter } from './adapter.ts'
import { openWorkScene, TENANTS } from './scene.ts'
import { Wire } from './wire.ts'
import { Work } from './work.ts'

const REQUESTS = 10_000
const AT_A_TIME = 48
const REQUESTS_PER_RESTART = 100

/** In how many ways a client behaves: how it ends, and what it sends before. */
const ENDS = 7

/** How many milliseconds a client that breaks off may wait before: none, or up to one less than this. */
const PAUSES = 5

/** In how many ways it breaks off. */
const BREAKS = 2

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

/** G3 at once for ten thousand requests that end in every way, and restarts in between. Takes about ten seconds. */
export function floodSuite(t: Test, adapter: Adapter): void {
  t.test(`${adapter.name}: ten thousand requests that end in every way, and restarts`, async (t) => {
    const work = new BriefWork()
    const { pool, port, built, lifecycle, close } = await openWorkScene(t, adapter, {
      work,
      tenants: { drainTimeoutMs: DRAIN_TIMEOUT_MS },
    })
    const hosts = [...TENANTS]
    const lines = linesFor(adapter)
    let clients = 0
    let sent = 0
    let answered = 0
    const refused: string[] = []

    /** One client after the other, which differ in what they ask for and in how that ends. */
    async function runClients(): Promise<void> {
      while (sent < REQUESTS) {
        const index = clients
        clients += 1
        // No two of these counts have a measure in common: every request meets every host, end, pause and break.
        const line = lines[index % lines.length]
        const head = `${line} HTTP/1.1\r\nHost: ${hosts[index % hosts.length]}\r\n`
        const end = index % ENDS
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
        if (index % PAUSES > 0) await sleep(index % PAUSES)
        if (index % BREAKS === 0) wire.vanish()
        else wire.socket.resetAndDestroy()
      }
    }

    await Promise.all(Array.from({ length: AT_A_TIME }, runClients))
    t.comment(`${sent} requests, ${answered} answered, ${built.length} generations`)
    t.ok(sent >= REQUESTS)
    t.strictSame(refused, [])
    await eventually(() => pool.stats().leases === 0, { timeoutMs: 3 * DRAIN_TIMEOUT_MS })
    t.match(pool.stats(), { leases: 0, draining: 0, tenants: hosts.length })
    t.ok(built.length >= REQUESTS / REQUESTS_PER_RESTART / 2, 'restarts were taken up meanwhile')

    await close()
    t.strictSame(work.mourners, [], 'G3: no tenant was disposed of under a handler at work')
    t.strictSame(
      built.filter(({ disposals }) => disposals !== 1),
      [],
      'G3: each was disposed of exactly once',
    )
  })
}

/** The requests of the adapter, so many of them that their count has no measure in common with the others. */
function linesFor({ ways, unsettled = [] }: Adapter): string[] {
  const lines = [...ways.map(({ request }) => request), ...unsettled, 'POST /body', 'GET /generation']
  const others = [TENANTS.size, ENDS, PAUSES, BREAKS]
  while (others.some((count) => lines.length % count === 0)) lines.push('GET /generation')
  return lines
}
