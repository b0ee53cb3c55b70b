import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { LeaseEnd } from '../src/adapter.ts'
import { type Lease, newToken } from '../src/index.ts'
import { TestConnection, TestResponse } from './fakes/connection.ts'

/** Longer than any test waits. */
const NEVER_MS = 600_000

/** A lease that tells when it ends. */
class TestLease extends EventEmitter implements Lease<string> {
  readonly tenant = 'a tenant'
  readonly id = 'acme'
  readonly token = newToken()
  readonly builtAt = new Date()
  readonly signal = new AbortController().signal
  ended = false

  release(): void {
    this.ended = true
    this.emit('end')
  }
}

/** A request that has its tenant. */
function leased(options: { connection?: TestConnection; graceMs?: number } = {}) {
  const { connection = new TestConnection(), graceMs = NEVER_MS } = options
  const response = new TestResponse()
  const end = new LeaseEnd(connection, response, graceMs)
  const lease = new TestLease()
  const granted = end.grant(lease)
  return { connection, response, end, lease, granted }
}

// The timers of leases are no reason for a process to go on.
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))

t.test('a lease ends when its request has closed and its handler has answered', async (t) => {
  t.test('at once, where the response is ended by then', async (t) => {
    const { response, lease, granted, end } = leased()
    t.equal(granted, true)
    response.writableEnded = true
    t.equal(lease.ended, false)
    response.emit('close')
    t.equal(lease.ended, true)
    t.equal(end.closed, true)
  })

  t.test('when the adapter says that the handler has answered', async (t) => {
    const late = leased()
    late.response.emit('close')
    t.equal(late.lease.ended, false, 'the client is gone, and the handler is at work')
    late.end.answered()
    t.equal(late.lease.ended, true)

    const early = leased()
    early.end.answered()
    t.equal(early.lease.ended, false, 'an answer that is still to be sent')
    early.response.emit('close')
    t.equal(early.lease.ended, true)
  })

  t.test('soon after the response is ended, where its client is gone', async (t) => {
    const { response, lease } = leased()
    response.emit('close')
    const ended = once(lease, 'end')
    await sleep(250)
    t.equal(lease.ended, false, 'it has been looked at meanwhile')
    response.writableEnded = true
    await ended
  })

  t.test(
    'no sooner than the adapter says, where the answer was given in the stead of the handler',
    async (t) => {
      const { response, end, lease } = leased()
      end.sent()
      response.writableEnded = true
      response.emit('close')
      await sleep(250)
      t.equal(lease.ended, false)
      end.answered()
      t.equal(lease.ended, true)
    },
  )

  t.test('`graceMs` after the close, where nothing tells of an answer', async (t) => {
    for (const graceMs of [0, 30, 250]) {
      const { response, end, lease } = leased({ graceMs })
      if (graceMs === 30) end.sent()
      const since = performance.now()
      response.emit('close')
      t.equal(lease.ended, false)
      await once(lease, 'end')
      // Timers count in whole milliseconds.
      t.ok(performance.now() - since >= graceMs - 1, `${graceMs} ms`)
    }
  })

  t.test(
    'by the clock, however busy the event loop is: no turn is counted for less than it took',
    async (t) => {
      const { response, lease } = leased({ graceMs: 1000 })
      response.emit('close')
      const deadline = performance.now() + 1000
      /** The turns that have begun after the deadline: when the machine is slow, they are longer, and not more. */
      let late = 0
      while (!lease.ended && late < 20) {
        const since = performance.now()
        if (since > deadline) late += 1
        while (performance.now() < since + 90);
        await turn()
      }
      t.equal(lease.ended, true)
      t.ok(late <= 2, `${late} turns late`)
    },
  )
})

t.test('the end of a connection is the end of all that it carries', async (t) => {
  const connection = new TestConnection()
  const requests = Array.from({ length: 3 }, () => leased({ connection }))
  t.equal(connection.listenerCount('close'), 1)
  const [first, second, third] = requests as [ReturnType<typeof leased>, ...typeof requests]
  first.response.writableEnded = true
  first.response.emit('close')
  second?.end.answered()
  connection.close()
  t.same(
    requests.map(({ lease, end }) => [lease.ended, end.closed]),
    [
      [true, true],
      [true, true],
      [false, true],
    ],
  )
  third?.end.answered()
  t.equal(third?.lease.ended, true)
})

t.test('a request that has closed before takes no lease', async (t) => {
  const response = new TestResponse()
  const end = new LeaseEnd(new TestConnection(), response, NEVER_MS)
  response.emit('close')
  const lease = new TestLease()
  t.equal(end.grant(lease), false)
  t.equal(lease.ended, true, 'it goes back')
  t.equal(end.lease, undefined)

  const connection = new TestConnection()
  connection.close()
  t.equal(leased({ connection }).granted, false)
})
