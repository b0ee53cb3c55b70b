import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '@tenantry/testing'
import t from 'tap'
import { patiently } from './support/patiently.ts'
import { adminPortOf, startServer } from './support/start-server.ts'

const acme = { headers: { host: 'acme.localhost' } }

t.test('a server that leaves gives notice, and goes on serving meanwhile', async (t) => {
  const server = await startServer(t, { ADMIN_PORT: '0', NOTICE_MS: '60000' })
  const admin = adminPortOf(server)
  t.not((await ask(server.port, '/whoami', keepAlive(acme))).headers.connection, 'close')

  server.child.kill('SIGTERM')
  await patiently(async () => (await ask(server.port, '/healthz')).status === 503)
  for (const port of [server.port, admin]) {
    const { status, json } = await ask(port, '/healthz')
    t.equal(status, 503)
    t.same(json(), { status: 'closing' })
  }
  const served = await ask(server.port, '/whoami', keepAlive(acme))
  t.equal(served.status, 200)
  t.equal(served.headers.connection, 'close', 'the client shall come back on another connection')
  const unknown = await ask(server.port, '/whoami', keepAlive({ headers: { host: 'nobody.localhost' } }))
  t.equal(unknown.status, 404)
  t.equal(unknown.headers.connection, 'close', 'also the one that is refused')
  t.equal((await ask(admin, '/metrics')).status, 200)

  server.child.kill('SIGTERM')
  t.equal(await server.exit, 1, 'a second signal ends it at once')
})

t.test('a server in a terminal leaves without notice', async (t) => {
  const server = await startServer(t, { NOTICE_MS: '60000' })
  server.child.kill('SIGINT')
  t.equal(await server.exit, 0)
})

t.test('no request fails while a replica ends to which a balancer gives requests', async (t) => {
  const [leaving, staying] = await Promise.all([startServer(t, { NOTICE_MS: '15000' }), startServer(t)])
  const targets = new Set([leaving.port, staying.port])
  const answers: { port: number; status: number | string }[] = []
  let over = false

  // What a balancer does: one target after the other, on connections that it keeps, as long as its checks go well.
  async function drive(agent: Agent) {
    for (let turn = 0; !over; turn += 1) {
      const port = [...targets][turn % targets.size] as number
      const status = await askBy(agent, port).catch(({ code }) => code)
      answers.push({ port, status })
    }
    agent.destroy()
  }
  async function check() {
    while (!over) {
      const { status } = await ask(leaving.port, '/healthz').catch(() => ({ status: 0 }))
      if (status !== 200) targets.delete(leaving.port)
      await sleep(50)
    }
  }
  const work = [
    ...Array.from({ length: 4 }, () => drive(new Agent({ keepAlive: true, maxSockets: 1 }))),
    check(),
  ]
  const served = (port: number) => answers.filter((answer) => answer.port === port).length
  await patiently(() => served(leaving.port) > 20 && served(staying.port) > 20)
  leaving.child.kill('SIGTERM')
  t.equal(await leaving.exit, 0)
  const before = served(staying.port)
  await patiently(() => served(staying.port) > before + 20)
  over = true
  await Promise.all(work)

  t.same(
    answers.filter(({ status }) => status !== 200),
    [],
  )
  t.notOk(targets.has(leaving.port))
})

/** As a client asks that would like to keep its connection. */
function keepAlive({ headers }: { headers: { host: string } }) {
  return { headers: { ...headers, connection: 'keep-alive' } }
}

async function askBy(agent: Agent, port: number): Promise<number | undefined> {
  const outgoing = request({ host: '127.0.0.1', port, path: '/whoami', agent, ...acme }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  await text(response)
  return response.statusCode
}
