import type { AddressInfo } from 'node:net'
import { MemoryTokenStore } from '@tenantry/core'
import { ask, type Question } from '@tenantry/testing'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { serverOptions, type TenantManagerOptions, tenantManager } from '../src/app.ts'

const ACME = { id: 'acme', name: 'Acme', hostnames: ['acme.localhost'], secret: 'hunter2' }
const STRANGE = { id: `🦆${'é'.repeat(125)}/`, name: 'Duck', hostnames: ['duck.localhost'] }

interface Manager {
  readonly port: number
  readonly tokens: MemoryTokenStore
  readonly log: readonly string[]
}

async function serve(t: Test, options: Partial<TenantManagerOptions> = {}): Promise<Manager> {
  const tokens = new MemoryTokenStore()
  const log: string[] = []
  const stream = { write: (line: string) => void log.push(line) }
  const app = Fastify({ ...serverOptions, logger: { level: 'warn', stream } })
  t.teardown(() => app.close())
  await app.register(tenantManager, { tokens, tenants: async () => [ACME, STRANGE], ...options })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return { port: (app.server.address() as AddressInfo).port, tokens, log }
}

/** `line`: method and path. */
async function tell(port: number, line: string, question: Question = {}) {
  const [method = '', path = ''] = line.split(' ')
  const answer = await ask(port, path, { method, ...question })
  return { ...answer, body: answer.json() }
}

t.test('tenants are listed with id, name and host names, and with nothing else', async (t) => {
  const { port } = await serve(t)
  const { status, body } = await tell(port, 'GET /api/tenants')
  t.equal(status, 200)
  t.strictSame(body, [
    { id: 'acme', name: 'Acme', hostnames: ['acme.localhost'] },
    { id: STRANGE.id, name: 'Duck', hostnames: ['duck.localhost'] },
  ])
})

t.test('a restart', async (t) => {
  const { port, tokens } = await serve(t)

  t.test('of one tenant writes its token, a new one each time', async (t) => {
    const first = await tell(port, 'POST /api/tenants/acme/restart')
    t.equal(first.status, 200)
    t.same(await tokens.read(['tenant:acme', 'all']), [first.body.token, null])
    const second = await tell(port, 'POST /api/tenants/acme/restart')
    t.not(second.body.token, first.body.token)
    t.same(await tokens.read(['tenant:acme']), [second.body.token])
  })

  t.test('of all tenants writes the token of all', async (t) => {
    const { status, body } = await tell(port, 'POST /api/restart')
    t.equal(status, 200)
    t.same(await tokens.read(['all']), [body.token])
  })

  t.test('reaches a tenant whose id is as long and as strange as an id can be', async (t) => {
    const id = encodeURIComponent(STRANGE.id)
    const { status, body } = await tell(port, `POST /api/tenants/${id}/restart`)
    t.equal(status, 200)
    t.same(await tokens.read([`tenant:${id}`]), [body.token])
  })

  t.test('takes any body, and none, with any content type', async (t) => {
    for (const [type, body] of [
      ['application/json', ''],
      ['application/json', '{}'],
      ['application/json', '{ not json'],
      ['text/plain', 'please'],
      ['application/octet-stream', 'x'.repeat(2_000_000)],
    ] as const) {
      const { status } = await tell(port, 'POST /api/tenants/acme/restart', {
        headers: { 'content-type': type },
        body,
      })
      t.equal(status, 200, `${type} ${body.slice(0, 10)}`)
    }
  })

  t.test('of a tenant that does not exist is a 404, and nothing is written', async (t) => {
    for (const id of ['globex', 'constructor', '%F0%9F%A6%86']) {
      const { status, body } = await tell(port, `POST /api/tenants/${id}/restart`)
      t.equal(status, 404)
      t.same(Object.keys(body), ['statusCode', 'code', 'message'])
      t.match(body, { statusCode: 404, code: 'TENANTRY_ERR_TENANT_NOT_FOUND' })
    }
    t.same(await tokens.read(['tenant:globex']), [null])
  })

  t.test('that the store does not confirm is a 503 with Retry-After; the log says why', async (t) => {
    const { port, tokens, log } = await serve(t)
    tokens.write = () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:6379'))
    for (const line of ['POST /api/tenants/acme/restart', 'POST /api/restart']) {
      const { status, headers, body } = await tell(port, line)
      t.equal(status, 503)
      t.match(headers['retry-after'], /^[1-9]\d*$/)
      t.match(body, { statusCode: 503, code: 'TENANTRY_ERR_RESTART_FAILED', message: /repeat it/ })
      t.notMatch(JSON.stringify(body), /10\.0\.0\.7/)
    }
    t.match(log.join(''), /10\.0\.0\.7/)
  })

  t.test('is a 503, too, while the tenants cannot be read', async (t) => {
    const tenants = () => Promise.reject(new Error('broken at line 7'))
    const { port, log } = await serve(t, { tenants })
    for (const line of ['GET /api/tenants', 'POST /api/tenants/acme/restart']) {
      const { status, headers, body } = await tell(port, line)
      t.equal(status, 503)
      t.equal(headers['retry-after'], '1')
      t.match(body, { statusCode: 503, code: 'MANAGER_ERR_TENANTS_UNREADABLE' })
      t.notMatch(JSON.stringify(body), /line 7/)
    }
    t.match(log.join(''), /line 7/)
    t.equal(
      (await tell(port, 'POST /api/restart')).status,
      200,
      'all can be restarted without a list of them',
    )
  })
})

t.test('what is not there is a 404 with a code', async (t) => {
  const { port } = await serve(t)
  for (const line of [
    'GET /',
    'GET /api/restart',
    'POST /api/tenants//restart',
    'DELETE /api/tenants/acme',
  ]) {
    const { status, body } = await tell(port, line)
    t.equal(status, 404, line)
    t.match(body, {
      statusCode: 404,
      code: /^(MANAGER_ERR_NOT_FOUND|TENANTRY_ERR_TENANT_NOT_FOUND)$/,
      message: /./,
    })
  }
  t.match((await tell(port, 'GET /%zz')).body, { statusCode: 400, code: 'FST_ERR_BAD_URL' })
})

t.test('a request that may not come from this machine’s own user is refused', async (t) => {
  const { port, tokens } = await serve(t)
  const here = [`localhost:${port}`, `LOCALHOST:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]

  t.test('by the host that it names: one that was made to point here', async (t) => {
    for (const host of here)
      t.equal((await tell(port, 'POST /api/restart', { headers: { host } })).status, 200, host)
    const [token] = await tokens.read(['all'])
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      `acme.localhost:${port}`,
      `localhost.evil.example:${port}`,
      'localhost',
      `localhost:${port + 1}`,
      `localhost.:${port}`,
      `127.0.0.2:${port}`,
      `evil@localhost:${port}`,
      `localhost:${port},evil.example`,
    ]) {
      for (const line of [
        'POST /api/restart',
        'POST /api/tenants/acme/restart',
        'GET /api/tenants',
        'GET /nowhere',
      ]) {
        const { status, body } = await tell(port, line, { headers: { host } })
        t.equal(status, 403, `${line} ${host}`)
        t.match(body, { statusCode: 403, code: 'MANAGER_ERR_FORBIDDEN', message: /./ })
      }
    }
    t.same(await tokens.read(['all', 'tenant:acme']), [token, null], 'nothing is written')
  })

  t.test('by the site that sends it', async (t) => {
    for (const host of here) {
      const origin = `http://${host.toLowerCase()}`
      t.equal((await tell(port, 'POST /api/restart', { headers: { host, origin } })).status, 200, origin)
    }
    const [token] = await tokens.read(['all'])
    for (const origin of [
      'null',
      '',
      'http://evil.example',
      'http://localhost',
      `https://localhost:${port}`,
      `http://acme.localhost:${port}`,
      `http://localhost:${port}.evil.example`,
      `http://localhost:${port + 1}`,
    ]) {
      const { status } = await tell(port, 'POST /api/restart', { headers: { origin } })
      t.equal(status, 403, origin)
    }
    t.same(await tokens.read(['all']), [token], 'nothing is written')
  })
})

t.test('a request from another machine is refused, wherever the manager listens', async (t) => {
  const app = Fastify(serverOptions)
  await app.register(tenantManager, { tokens: new MemoryTokenStore(), tenants: async () => [] })
  const askFrom = (remoteAddress: string) => app.inject({ path: '/api/tenants', remoteAddress })
  for (const address of ['192.168.0.7', '::ffff:192.168.0.7', 'fe80::1', '128.0.0.1']) {
    const response = await askFrom(address)
    t.equal(response.statusCode, 403)
    t.match(response.json(), { message: /this machine only/ })
  }
  for (const address of ['127.0.0.1', '127.0.0.2', '::1', '::ffff:127.0.0.1']) {
    t.notMatch((await askFrom(address)).json(), { message: /this machine only/ }, address)
  }
})
