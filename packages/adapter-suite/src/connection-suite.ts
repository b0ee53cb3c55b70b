import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MemoryTokenStore, type TokenAnswer } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import type { Test } from 'tap'
import type { Adapter } from './adapter.ts'
import { outlives } from './outlives.ts'
import { ACME, HOST, openWorkScene } from './scene.ts'
import type { Visit } from './visit.ts'
import { Wire } from './wire.ts'
import { gone, Work } from './work.ts'

/** A store whose reads can be held up. */
class HeldTokenStore extends MemoryTokenStore {
  #held: Promise<void> | undefined

  /** Holds all reads up from now on, until the function that it returns is called. */
  hold(): () => void {
    let letGo!: () => void
    this.#held = new Promise((resolve) => {
      letGo = resolve
    })
    return letGo
  }

  override async read(keys: readonly string[]): Promise<readonly TokenAnswer[]> {
    await this.#held
    return super.read(keys)
  }
}

/** G3: what becomes of leases where connections end early, and where they carry many requests. */
export function connectionSuite(t: Test, adapter: Adapter): void {
  const { name } = adapter

  t.test(
    `${name}: a client that is gone while the check is under way takes no lease, and its handler never runs`,
    async (t) => {
      const tokens = new HeldTokenStore()
      const arrived: Visit[] = []
      const { pool, port, work, drained } = await openWorkScene(t, adapter, {
        before: (visit) => void arrived.push(visit),
        tenants: { tokens, checkTimeoutMs: 60_000 },
      })
      await pool.use(ACME, () => {})
      const answer = tokens.hold()
      const wires = [await Wire.open(port), await Wire.open(port)] as const
      for (const [index, wire] of wires.entries()) {
        wire.get('/works', HOST)
        await eventually(() => pool.stats().leases === index + 1, { timeoutMs: 10_000 })
      }
      wires[0].vanish()
      await gone(arrived[0] as Visit)
      t.equal(pool.stats().leases, 2, 'the pool holds the tenant while it checks')
      answer()
      // The second one's check ends no sooner than the first one's.
      await work.begun()
      t.equal(pool.stats().leases, 1)
      work.finish()
      await wires[1].until('done')
      await drained()
      t.equal(work.visits.length, 1)
      wires[1].vanish()
    },
  )

  t.test(`${name}: a client that is gone before the check is asked for takes no lease either`, async (t) => {
    const earlier = new Work()
    const identified: Visit[] = []
    const { pool, port, work, drained } = await openWorkScene(t, adapter, {
      before: (visit) => earlier.do(visit),
      tenants: {
        identify: (visit) => {
          identified.push(visit)
          return ACME
        },
      },
    })
    const wire = await Wire.open(port)
    wire.get('/works', HOST)
    const visit = await earlier.begun()
    wire.vanish()
    await gone(visit)
    earlier.finish()
    // If there were a check, it would have been asked for before this one.
    await pool.use(ACME, () => {})
    await drained()
    t.equal(work.visits.length, 0)
    t.strictSame(identified, [], 'nobody even asks whom it is for')
  })

  t.test(
    `${name}: a client that is gone before it turns out that it has no tenant is not answered`,
    async (t) => {
      const identifying = new Work()
      const errors: unknown[] = []
      const { pool, port } = await openWorkScene(t, adapter, {
        onError: (error) => errors.push(error),
        tenants: {
          async identify(visit) {
            await identifying.do(visit)
            return visit.url === '/works' ? undefined : ACME
          },
        },
      })
      const wire = await Wire.open(port)
      wire.get('/works', HOST)
      const visit = await identifying.begun()
      wire.vanish()
      await gone(visit)
      identifying.finish()
      const next = await Wire.open(port)
      next.get('/generation', HOST)
      await next.until('200 OK')
      next.vanish()
      t.strictSame(errors, [])
      await eventually(() => pool.stats().leases === 0, { timeoutMs: 10_000 })
    },
  )

  t.test(
    `${name}: three pipelined requests whose client vanishes: each lease ends when its handler has answered`,
    async (t) => {
      await t.test('G3: while all are at work', async (t) => {
        const scene = await openWorkScene(t, adapter)
        const wire = await Wire.open(scene.port)
        wire.send(`GET /works HTTP/1.1\r\n${HOST}\r\n\r\n`.repeat(3))
        const visit = await scene.work.begun(3)
        wire.vanish()
        await gone(visit)
        await outlives(t, scene, {
          leases: 3,
          end: () => scene.work.finish(),
        })
      })

      await t.test('G3: while the first holds up the answers of the others', async (t) => {
        let answers = 0
        const scene = await openWorkScene(t, adapter, {
          routes: {
            '/quick': () => {
              answers += 1
              return 'quick'
            },
          },
        })
        const { pool, port, work } = scene
        const wire = await Wire.open(port)
        wire.get('/works', HOST)
        wire.send(`GET /quick HTTP/1.1\r\n${HOST}\r\n\r\n`.repeat(2))
        const visit = await work.begun()
        await eventually(() => answers === 2, { timeoutMs: 10_000 })
        t.equal(pool.stats().leases, 3, 'an answer that waits to be sent keeps its tenant')
        wire.vanish()
        await gone(visit)
        await outlives(t, scene, {
          leases: 1,
          end: () => work.finish(),
        })
      })
    },
  )

  t.test(`${name}: a connection bears no more, however many requests it carries`, async (t) => {
    setFlagsFromString('--expose-gc')
    const collectGarbage: () => void = runInNewContext('gc')
    const warnings: Error[] = []
    const onWarning = (warning: Error) => void warnings.push(warning)
    process.on('warning', onWarning)
    t.teardown(() => process.off('warning', onWarning))
    const counts: number[] = []
    const leases: WeakRef<object>[] = []
    const { pool, port, work, drained } = await openWorkScene(t, adapter, {
      before: ({ connection }) => void counts.push(connection.listenerCount('close')),
      after: ({ lease }) => void leases.push(new WeakRef(lease)),
    })

    await t.test('pipelined', async (t) => {
      const wire = await Wire.open(port)
      wire.send(`GET /works HTTP/1.1\r\n${HOST}\r\n\r\n`.repeat(20))
      const { connection } = await work.begun(20)
      t.equal(pool.stats().leases, 20)
      t.ok(connection.listenerCount('close') <= (counts[0] as number) + 1)
      work.finish()
      await eventually(() => wire.received.split('done').length === 21, { timeoutMs: 10_000 })
      await drained()
      wire.vanish()
    })

    await t.test('one after the other', async (t) => {
      counts.length = 0
      leases.length = 0
      const wire = await Wire.open(port)
      for (let count = 1; count <= 50; count += 1) {
        wire.get('/generation', HOST)
        await eventually(() => wire.received.split('200 OK').length === count + 1, {
          intervalMs: 1,
          timeoutMs: 10_000,
        })
      }
      t.equal(counts.length, 50)
      t.equal(counts[49], counts[1])
      t.ok((counts[1] as number) <= (counts[0] as number) + 1)
      await drained()
      await eventually(
        () => {
          collectGarbage()
          return leases.filter((lease) => lease.deref() !== undefined).length <= 3
        },
        { timeoutMs: 10_000 },
      )
      t.equal(wire.socket.destroyed, false, 'what has ended is forgotten while the connection goes on')
      wire.vanish()
    })

    t.strictSame(warnings, [])
  })
}
