import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { eventually } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { Traffic } from '../src/traffic.ts'

interface FakeReplica {
  readonly port: number
  /** The Host of each request so far. */
  readonly asked: readonly (string | undefined)[]
  /** What to do with each request. */
  answer: (response: ServerResponse) => void
}

async function startReplica(t: Test): Promise<FakeReplica> {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(request.headers.host)
    replica.answer(response)
  })
  t.teardown(() => server.close().closeAllConnections())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const replica: FakeReplica = { port, asked, answer: (response) => response.end() }
  return replica
}

function startTraffic(t: Test, hostnames: readonly string[], replicas: readonly FakeReplica[]) {
  const authority = { hostnames }
  const traffic = new Traffic({ host: '127.0.0.1', readHostnames: async () => authority.hostnames })
  t.teardown(() => traffic.switch(false))
  for (const { port } of replicas) traffic.addTarget(port)
  traffic.switch(true)
  return { traffic, authority }
}

t.test('the traffic asks every replica for every tenant, while it is on', async (t) => {
  const replicas = [await startReplica(t), await startReplica(t)]
  const { traffic } = startTraffic(t, ['a.localhost', 'b.localhost', 'c.localhost'], replicas)
  for (const { asked, port } of replicas) {
    await eventually(() => ['a', 'b', 'c'].every((name) => asked.includes(`${name}.localhost:${port}`)))
  }
  await eventually(() => traffic.served >= 6)
  traffic.switch(true)
  t.equal(traffic.isOn, true)
  traffic.switch(false)
  t.equal(traffic.isOn, false)
  const count = () => replicas.reduce((sum, { asked }) => sum + asked.length, 0)
  const before = count()
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(count(), before, 'off is off')
  traffic.switch(true)
  await eventually(() => count() > before)
  t.equal(traffic.failed, 0)
})

t.test(
  'a replica is taken out of the traffic: its requests are answered, and none comes after them',
  async (t) => {
    const [leaving, staying] = [await startReplica(t), await startReplica(t)]
    const held: ServerResponse[] = []
    leaving.answer = (response) => held.push(response)
    const { traffic } = startTraffic(t, ['a.localhost'], [leaving, staying])
    await eventually(() => held.length === 2)
    let isOut = false
    const removing = traffic.removeTarget(leaving.port).then(() => {
      isOut = true
    })
    const before = staying.asked.length
    await eventually(() => staying.asked.length > before + 5)
    t.equal(isOut, false)
    const asked = leaving.asked.length
    for (const response of held) response.end()
    await removing
    const later = staying.asked.length
    await eventually(() => staying.asked.length > later + 5)
    t.equal(leaving.asked.length, asked)
    t.equal(traffic.failed, 0)
  },
)

t.test('the traffic counts what is not answered with 200', async (t) => {
  const replica = await startReplica(t)
  const { traffic, authority } = startTraffic(t, ['a.localhost'], [replica])
  await eventually(() => traffic.served > 0)

  for (const answer of [
    (response: ServerResponse) => response.writeHead(503).end(),
    (response: ServerResponse) => response.destroy(),
    (response: ServerResponse) =>
      response.writeHead(200, { 'content-length': 9 }).write('half', () => response.destroy()),
    (response: ServerResponse) => response.writeHead(404).end(),
  ]) {
    replica.answer = answer
    const before = traffic.failed
    await eventually(() => traffic.failed > before + 1)
  }

  t.test('but not the sites of tenants that have gone meanwhile', async (t) => {
    replica.answer = (response) => response.end()
    const served = traffic.served
    await eventually(() => traffic.served > served + 1)
    const before = traffic.failed
    replica.answer = (response) => response.writeHead(404).end()
    authority.hostnames = []
    const asked = replica.asked.length
    await eventually(() => replica.asked.length > asked)
    authority.hostnames = ['b.localhost']
    replica.answer = (response) => response.end()
    await eventually(() => replica.asked.includes(`b.localhost:${replica.port}`))
    t.equal(traffic.failed, before)
  })
})
