import { eventually } from '@tenantry/testing'
import type { Test } from 'tap'
import type { Adapter, LeaseEnds, Way } from './adapter.ts'
import { outlives } from './outlives.ts'
import { HOST, LIMIT_MS, ONCE, openWorkScene, type WorkScene } from './scene.ts'
import type { Visit } from './visit.ts'
import { Wire } from './wire.ts'
import { gone, Work } from './work.ts'

/** Settings under which what nothing else ends does so soon. */
const LIMITED = { tenants: { drainTimeoutMs: LIMIT_MS } }

/** G3: a lease ends with its request, however that ends, and never before. */
export function leaseSuite(t: Test, adapter: Adapter): void {
  const { name, ways } = adapter
  const waysWhere = (ends: LeaseEnds, streamed: boolean) =>
    ways.filter((way) => (way.whenGone ?? 'answered') === ends && (way.streamed ?? false) === streamed)

  t.test(`${name}, G3: a lease ends with its response, and no tenant is disposed of before`, async (t) => {
    for (const { request, expected } of ways) {
      await t.test(request, async (t) => {
        const scene = await openWorkScene(t, adapter)
        const wire = await Wire.open(scene.port)
        wire.send(`${request} HTTP/1.1\r\n${ONCE}\r\n\r\n`)
        await scene.work.begun()
        await outlives(t, scene, { end: () => scene.work.finish() })
        await wire.ended()
        t.match(wire.received, expected)
      })
    }
  })

  t.test(
    `${name}, G3: the client is gone before the headers: the lease ends when the handler has answered`,
    async (t) => {
      for (const way of waysWhere('answered', false)) {
        await t.test(way.request, async (t) => {
          const scene = await openWorkScene(t, adapter)
          await vanishAtWork(scene, [way])
          await outlives(t, scene, { end: () => scene.work.finish() })
        })
      }
    },
  )

  t.test(
    `${name}, G3: the client is gone in the middle of a stream: the lease ends when the stream has closed`,
    async (t) => {
      for (const ends of ['answered', 'closed'] as const) {
        for (const way of waysWhere(ends, true)) {
          await t.test(way.request, async (t) => {
            const scene = await openWorkScene(t, adapter)
            const wire = await Wire.open(scene.port)
            send(wire, way)
            await wire.until('begun')
            const visit = await scene.work.begun()
            await outlives(t, scene, {
              async end() {
                wire.vanish()
                await gone(visit)
                t.equal(scene.pool.stats().leases, ends === 'closed' ? 0 : 1)
                scene.work.finish()
              },
            })
          })
        }
      }
    },
  )

  t.test(
    `${name}: where nothing tells that the handler has answered: drainTimeoutMs after the close`,
    async (t) => {
      const limited = [...waysWhere('limit', false), ...waysWhere('limit', true)]
      if (limited.length > 0) {
        await t.test('G3: since the adapter cannot know', async (t) => {
          const scene = await openWorkScene(t, adapter, LIMITED)
          const limitSince = await vanishAtWork(scene, limited)
          await outlives(t, scene, { leases: limited.length, limitSince, end: () => scene.work.finish() })
        })
      }

      await t.test('since it has not', async (t) => {
        const lasting = ways.filter((way) => way.whenGone !== 'closed')
        const { pool, built, work, drained, port } = await openWorkScene(t, adapter, LIMITED)
        const since = await vanishAtWork({ port, work }, lasting)
        t.equal(pool.stats().leases, lasting.length)
        await drained()
        t.ok(performance.now() - since >= LIMIT_MS, 'no sooner')
        t.equal(built[0]?.disposals, 0, 'the leases ended, not the tenant')
        work.finish()
      })
    },
  )

  t.test(
    `${name}, G3: a client that is gone while a later hook is at work: the handler runs, and keeps its tenant`,
    async (t) => {
      const later = new Work()
      const scene = await openWorkScene(t, adapter, {
        after: (visit) => later.do(visit),
      })
      const wire = await Wire.open(scene.port)
      wire.get('/works', HOST)
      const visit = await later.begun()
      wire.vanish()
      await gone(visit)
      later.finish()
      await scene.work.begun()
      await outlives(t, scene, {
        end: () => scene.work.finish(),
      })
    },
  )

  t.test(`${name}: a body that never comes`, async (t) => {
    const post = `POST /body HTTP/1.1\r\n${HOST}\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n12`

    await t.test('G3: until the client is gone', async (t) => {
      const arrived: Visit[] = []
      const scene = await openWorkScene(t, adapter, {
        after: (visit) => void arrived.push(visit),
      })
      const wire = await Wire.open(scene.port)
      wire.send(post)
      await eventually(() => arrived.length === 1, { timeoutMs: 10_000 })
      await outlives(t, scene, {
        end: () => wire.vanish(),
      })
      t.equal(scene.work.visits.length, 0)
    })

    await t.test('G3: until the requestTimeout', async (t) => {
      const arrived: Visit[] = []
      const scene = await openWorkScene(t, adapter, {
        http: { requestTimeout: 1000, connectionsCheckingInterval: 20, headersTimeout: 1000 },
        after: (visit) => void arrived.push(visit),
      })
      const wire = await Wire.open(scene.port)
      wire.send(post)
      await eventually(() => arrived.length === 1, { timeoutMs: 10_000 })
      await outlives(t, scene, { end: () => wire.ended() })
      t.match(wire.received, /^HTTP\/1.1 408 /)
      t.equal(scene.work.visits.length, 0)
    })
  })
}

/**
 * For each of the ways a client that vanishes while its handler is at work. When the server knows that they are gone,
 * resolves to the time just before they went, by `performance.now()`.
 */
async function vanishAtWork(
  { port, work }: Pick<WorkScene, 'port' | 'work'>,
  ways: readonly Way[],
): Promise<number> {
  const wires: Wire[] = []
  for (const way of ways) {
    const wire = await Wire.open(port)
    wires.push(wire)
    send(wire, way)
    if (way.streamed) await wire.until('begun')
    await work.begun(wires.length)
  }
  const since = performance.now()
  for (const wire of wires) wire.vanish()
  for (const visit of work.visits) await gone(visit)
  return since
}

function send(wire: Wire, { request }: Way): void {
  wire.send(`${request} HTTP/1.1\r\n${HOST}\r\n\r\n`)
}
