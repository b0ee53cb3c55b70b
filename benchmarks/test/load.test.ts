import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Load } from '../src/load.ts'

async function loadOn(t: Test, listener: RequestListener, connections = 2): Promise<Load> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const load = await Load.open((server.address() as AddressInfo).port, { connections, tenants: 3 })
  t.teardown(() => {
    load.close()
    server.close()
  })
  return load
}

const answerRightly: RequestListener = (request, response) =>
  void response.setHeader('content-length', 60).end(`{"name":"${request.headers.host}"}`.padEnd(60))

t.test('every tenant is asked for in turn', async (t) => {
  const hosts: (string | undefined)[] = []
  const load = await loadOn(t, (request, response) => {
    hosts.push(request.headers.host)
    answerRightly(request, response)
  })
  await load.inTurn(6)
  t.strictSame(
    hosts.sort(),
    [0, 0, 1, 1, 2, 2].map((index) => `tenant-${index}.example.com`),
  )
})

t.test('a closed loop sends until its time is up, and times each request', async (t) => {
  let answered = 0
  const load = await loadOn(t, (request, response) => {
    answered += 1
    answerRightly(request, response)
  })
  const { latencies, tookMs } = await load.atFullSpeed(100)
  t.equal(latencies.length, answered)
  t.ok(answered >= 2, 'each connection has sent at least one')
  t.ok(tookMs >= 100)
  t.ok(latencies.every((each) => each > 0))
})

t.test(
  'in an open loop, a request that finds no connection free waits for one, and the wait counts',
  async (t) => {
    const slowMs = 20
    const load = await loadOn(
      t,
      (request, response) => setTimeout(answerRightly, slowMs, request, response),
      1,
    )
    const { latencies, tookMs } = await load.atRate(1000, 100)
    t.ok(latencies.length > 10, 'those that are due are not held back by those that wait')
    // Timers may be early by less than a millisecond.
    t.ok(tookMs > (latencies.length - 1) * (slowMs - 1))
    t.ok(Math.max(...latencies) > 5 * slowMs)
  },
)

const wrong: Record<string, RequestListener> = {
  'of another tenant': (_, response) => void response.setHeader('content-length', 15).end('{"name":"other"'),
  'with another status': (request, response) => {
    response.statusCode = 503
    answerRightly(request, response)
  },
  'that never comes': (request) => void request.socket.destroy(),
}

for (const [which, listener] of Object.entries(wrong)) {
  t.test(`an answer ${which} fails the load, whatever the load is`, async (t) => {
    const failure = {
      message: /Expected an answer of tenant-\d\.example\.com, got|The connection has closed/,
    }
    await t.rejects((await loadOn(t, listener)).inTurn(10), failure)
    await t.rejects((await loadOn(t, listener)).atFullSpeed(50), failure)
    await t.rejects((await loadOn(t, listener)).atRate(1000, 50), failure)
  })
}
