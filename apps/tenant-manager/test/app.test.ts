import { TenantryError } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import Fastify from 'fastify'
import t from 'tap'
import { serverOptions, tenantManager } from '../src/app.ts'
import { postgresFor, serve, teller } from './support/manager.ts'

const ACME = { id: 'acme', name: 'Acme', hostnames: ['acme.localhost'], config: { tagline: 'All of it' } }
/** As long, and as strange, as an id can be. */
const STRANGE = `🦆${'é'.repeat(125)}/`
const KEY = 'a-key-of-more-than-20-characters'

const postgres = await postgresFor(t)

t.test('a tenant', async (t) => {
  const { tell, tokens, log } = await serve(t, postgres)

  t.test('is created with its restart written', async (t) => {
    const { status, headers, reply } = await tell('POST /api/tenants', ACME)
    t.equal(status, 201)
    t.equal(headers.location, '/api/tenants/acme')
    t.match(reply, { ...ACME, version: 1, written: true, token: /^\d+\../, createdAt: /Z$/ })
    t.same(await tokens.read(['tenant:acme']), [reply.token])
    t.match(log.join(''), /"by":"api","keys":\["tenant:acme","all-hosts"\].*"restarted"/)
  })

  t.test('is created but once, whatever is asked for', async (t) => {
    const { status, reply } = await tell('POST /api/tenants', { ...ACME, hostnames: [] })
    t.equal(status, 409)
    t.match(reply, { statusCode: 409, code: 'TENANTRY_ERR_TENANT_EXISTS' })
    const taken = await tell('POST /api/tenants', { ...ACME, id: 'globex' })
    t.match(taken.reply, { statusCode: 409, code: 'TENANTRY_ERR_HOSTNAME_TAKEN', message: /acme/ })
    t.equal((await tell('GET /api/tenants/globex')).status, 404)
  })

  t.test('needs an id and a name, and no more', async (t) => {
    const { status, reply } = await tell('POST /api/tenants', { id: 'plain', name: 'Plain' })
    t.equal(status, 201)
    t.match(reply, { hostnames: [], config: {} })
  })

  t.test('keeps its configuration as it was sent, also under strange keys', async (t) => {
    const config = { 'a\nb': { '': [null, 1.5, '\u2028'] }, constructor: 'x', '🦆': true }
    t.equal((await tell('POST /api/tenants', { id: STRANGE, name: 'Duck', config })).status, 201)
    const { reply } = await tell(`GET /api/tenants/${encodeURIComponent(STRANGE)}`)
    t.strictSame(reply.config, config)
    const restarted = await tell(`POST /api/tenants/${encodeURIComponent(STRANGE)}/restart`)
    t.same(await tokens.read([`tenant:${encodeURIComponent(STRANGE)}`]), [restarted.reply.token])
  })

  t.test('is changed from the version that was read; the second of two editors loses nothing', async (t) => {
    const first = await tell('PATCH /api/tenants/acme', { version: 1, config: { tagline: 'First' } })
    t.equal(first.status, 200)
    t.match(first.reply, { version: 2, config: { tagline: 'First' }, written: true })
    t.same(await tokens.read(['tenant:acme']), [first.reply.token])
    const second = await tell('PATCH /api/tenants/acme', { version: 1, config: { tagline: 'Second' } })
    t.equal(second.status, 409)
    t.match(second.reply, { code: 'TENANTRY_ERR_VERSION_CONFLICT', message: /version 2, got 1/ })
    t.match((await tell('GET /api/tenants/acme')).reply, { config: { tagline: 'First' } })
    t.same(await tokens.read(['tenant:acme']), [first.reply.token], 'nothing is restarted')
  })

  t.test('is found by a part of its id, name or host name, page by page', async (t) => {
    for (const search of ['cme', 'ACME', 'acme.local']) {
      const { reply } = await tell(`GET /api/tenants?search=${search}`)
      t.match(reply, { tenants: [{ id: 'acme' }], total: 1, next: null }, search)
      t.notOk('config' in reply.tenants[0])
    }
    const first = await tell('GET /api/tenants?limit=1')
    t.match(first.reply, { tenants: [{ id: 'acme' }], total: 3 })
    const second = await tell(`GET /api/tenants?limit=2&after=${first.reply.next}`)
    t.match(second.reply, { tenants: [{ id: 'plain' }, { id: STRANGE }], total: 3, next: null })
  })

  t.test('that does not exist is a 404, whatever is asked of it', async (t) => {
    for (const [line, body] of [
      ['GET /api/tenants/nobody'],
      ['PATCH /api/tenants/nobody', { version: 1, name: 'X' }],
      ['DELETE /api/tenants/nobody'],
      ['POST /api/tenants/nobody/hostnames', { hostname: 'nobody.localhost' }],
      ['DELETE /api/tenants/nobody/hostnames/nobody.localhost'],
      ['POST /api/tenants/nobody/restart'],
      ['POST /api/restart', { tenants: ['acme', 'nobody'] }],
      ['GET /api/tenants/nobody/convergence'],
    ] as const) {
      const { status, reply } = await tell(line, body)
      t.equal(status, 404, line)
      t.match(reply, { statusCode: 404, code: 'TENANTRY_ERR_TENANT_NOT_FOUND', message: /./ })
    }
    t.same(await tokens.read(['tenant:nobody']), [null])
  })

  t.test('gains a host name, gives it to another, and loses it', async (t) => {
    const added = await tell('POST /api/tenants/acme/hostnames', { hostname: 'SHOP.localhost.' })
    t.equal(added.status, 200)
    t.match(added.reply, { hostnames: ['acme.localhost', 'shop.localhost'], written: true })
    const [before] = await tokens.read(['all-hosts'])
    const refused = await tell('POST /api/tenants/plain/hostnames', { hostname: 'shop.localhost' })
    t.match(refused.reply, { statusCode: 409, code: 'TENANTRY_ERR_HOSTNAME_TAKEN', message: /acme/ })
    const moved = await tell('POST /api/tenants/plain/hostnames', {
      hostname: 'shop.localhost',
      from: 'acme',
    })
    t.match(moved.reply, { id: 'plain', hostnames: ['shop.localhost'], written: true })
    t.match((await tell('GET /api/tenants/acme')).reply, { hostnames: ['acme.localhost'] })
    t.not((await tokens.read(['all-hosts']))[0], before)
    const removed = await tell('DELETE /api/tenants/plain/hostnames/shop.localhost')
    t.equal(removed.status, 200)
    t.match(removed.reply, { hostnames: [] })
  })

  t.test('is deleted without its history', async (t) => {
    const [before] = await tokens.read(['tenant:plain'])
    const { status, body } = await tell('DELETE /api/tenants/plain', '')
    t.equal(status, 204)
    t.equal(body, '')
    t.not((await tokens.read(['tenant:plain']))[0], before, 'its replicas are told')
    const { reply } = await tell('GET /api/restarts?tenant=plain')
    t.ok(reply.restarts.length >= 2)
    t.match(reply.restarts[0], { key: 'tenant:plain', tenant: 'plain', writtenAt: /Z$/ })
  })
})

t.test('a restart', async (t) => {
  const { tell, tokens, log, app } = await serve(t, postgres)
  for (const id of ['acme', 'globex']) await tell('POST /api/tenants', { id, name: id })

  t.test('of one tenant needs no body', async (t) => {
    const seen = new Set<string>()
    for (const [type, body] of [
      [undefined, undefined],
      ['application/json', ''],
      ['application/json', '{}'],
      ['application/json; charset=utf-8', '{"reason":"a change of heart"}'],
    ]) {
      const headers = type === undefined ? {} : { 'content-type': type }
      const { status, reply } = await tell('POST /api/tenants/acme/restart', body, headers)
      t.equal(status, 200)
      t.strictSame(Object.keys(reply), ['token', 'written'])
      t.same(await tokens.read(['tenant:acme']), [reply.token])
      seen.add(reply.token)
    }
    t.equal(seen.size, 4, 'a new token each time')
  })

  t.test('of several, and of all', async (t) => {
    const several = await tell('POST /api/restart', { tenants: ['acme', 'globex', 'acme'] })
    t.match(several.reply, { written: true, restarts: [{ tenant: 'acme' }, { tenant: 'globex' }] })
    t.equal(several.reply.restarts.length, 2)
    t.same(
      await tokens.read(['tenant:acme', 'tenant:globex']),
      several.reply.restarts.map(({ token }: { token: string }) => token),
    )
    const all = await tell('POST /api/restart', { all: true, reason: 'a new release' })
    t.match(all.reply, { written: true, restarts: [{ tenant: null, written: true }] })
    t.same(await tokens.read(['all']), [all.reply.restarts[0].token])
    for (const body of [{}, { all: false }, { all: true, tenants: ['acme'] }, { tenants: [] }, '']) {
      t.equal((await tell('POST /api/restart', body)).status, 400, JSON.stringify(body))
    }
  })

  t.test('is in the history and in the log: who, when and why', async (t) => {
    const headers = { 'x-tenantry-operator': encodeURIComponent('Zoë') }
    await tell('POST /api/tenants/acme/restart', { reason: 'fixed the logo' }, headers)
    const { reply } = await tell('GET /api/restarts?limit=1')
    t.match(reply.restarts, [
      {
        tenant: 'acme',
        cause: 'restart',
        by: 'Zoë',
        reason: 'fixed the logo',
        requestedAt: /Z$/,
        writtenAt: /Z$/,
      },
    ])
    t.match((await tell(`GET /api/restarts?limit=1&before=${reply.next}`)).reply.restarts, [{ key: 'all' }])
    t.match(log.join(''), /"by":"Zoë","reason":"fixed the logo","keys":\["tenant:acme"\]/)
    const long = { 'x-tenantry-operator': 'x'.repeat(129) }
    t.equal((await tell('POST /api/tenants/acme/restart', {}, long)).status, 400)
  })

  t.test('that the store does not take is committed, answered 202, and written later', async (t) => {
    const { write } = tokens
    tokens.write = () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:6379'))
    const { status, reply } = await tell('POST /api/tenants/acme/restart')
    t.equal(status, 202)
    t.match(reply, { token: /^\d+\../, written: false })
    t.match(await tell('POST /api/tenants', { id: 'later', name: 'Later' }), { status: 202 })
    t.match(await tell('PATCH /api/tenants/later', { name: 'L', version: 1 }), { status: 202 })
    t.match(await tell('POST /api/restart', { all: true }), { status: 202, reply: { written: false } })
    t.match(await tell('DELETE /api/tenants/later'), { status: 202, reply: { written: false, token: /./ } })
    t.match((await tell('GET /api/restarts?limit=1')).reply.restarts, [{ writtenAt: null }])
    t.match((await tell('GET /api/tenants/acme/convergence')).reply, { converged: false })
    tokens.write = write
    const id = reply.token.split('.')[0]
    await eventually(async () => String((await tokens.read(['tenant:acme']))[0]).startsWith(`${id}.`))
    t.not((await tokens.read(['tenant:acme']))[0], reply.token, 'R5: with a token of its own')
    t.match(log.join(''), /committed, and not yet written/)
    t.ok(app.server.listening)
  })
})

t.test('a refusal names every field, what was expected, and what was received', async (t) => {
  const { tell } = await serve(t, postgres)
  const { status, reply } = await tell('POST /api/tenants', {
    id: '',
    hostnames: ['a.localhost', 7, 'x'.repeat(256)],
    config: [],
    owner: 'me',
  })
  t.equal(status, 400)
  t.strictSame(Object.keys(reply), ['statusCode', 'code', 'message', 'problems'])
  t.equal(reply.code, 'MANAGER_ERR_REQUEST_INVALID')
  t.match(reply.message, /^The body of the request is not valid: \/\w+: expected .*; .* \(and 3 more\)$/)
  t.strictSame(
    new Map(reply.problems.map(({ path, message }: { path: string; message: string }) => [path, message])),
    new Map([
      ['/name', 'expected a value, got nothing'],
      ['/owner', 'expected no such field'],
      ['/id', 'expected at least 1 character, got ""'],
      ['/hostnames/1', 'expected a string, got 7'],
      ['/hostnames/2', 'expected at most 255 characters, got 256'],
      ['/config', 'expected an object, got an array'],
    ]),
  )

  t.test('in the query and the path, too', async (t) => {
    for (const [line, path, message] of [
      ['GET /api/tenants?limit=0', '/limit', 'expected at least 1, got 0'],
      ['GET /api/tenants?limit=1001', '/limit', 'expected at most 1000, got 1001'],
      ['GET /api/tenants?limit=ten', '/limit', 'expected an integer, got "ten"'],
      ['GET /api/tenants?limit=1&limit=2', '/limit', 'expected an integer, got an array'],
      ['GET /api/tenants?offset=3', '/offset', 'expected no such field'],
      ['GET /api/restarts?before=x', '/before', 'expected text that matches ^[0-9]{1,18}$, got "x"'],
      [`GET /api/tenants/${'x'.repeat(4000)}`, '/id', 'expected at most 255 characters, got 4000'],
    ] as const) {
      const { status, reply } = await tell(line)
      t.equal(status, 400, line)
      t.strictSame(reply.problems, [{ path, message }])
    }
    const { reply } = await tell(`GET /api/tenants/${encodeURIComponent('é'.repeat(200))}`)
    t.match(reply, { statusCode: 400, code: 'TENANTRY_ERR_TENANT_ID_INVALID' })
    t.match((await tell('GET /api/tenants/%zz')).reply, { statusCode: 400, code: 'FST_ERR_BAD_URL' })
  })

  t.test('a body must be JSON, of at most 2 MiB', async (t) => {
    const restart = 'POST /api/tenants/acme/restart'
    t.equal((await tell(restart, '{ not json')).status, 400)
    t.equal((await tell(restart, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' })).status, 415)
    t.equal((await tell(restart, 'please', { 'content-type': 'text/plain' })).status, 415)
    t.equal((await tell(restart, '{"__proto__":{}}')).status, 400)
    const deep = `{"config":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`
    t.match((await tell('POST /api/config-check', deep)).reply.problems, [{ message: /at most 64 deep/ }])
    const large = { id: 'large', name: 'Large', config: { text: 'x'.repeat(1_100_000) } }
    t.match(await tell('POST /api/tenants', large), { status: 400, reply: { message: /1048576 bytes/ } })
    t.equal((await tell('POST /api/tenants', 'x'.repeat(2_200_000))).status, 413)
  })

  t.test('what is not there is a 404 with a code', async (t) => {
    for (const line of [
      'GET /nowhere',
      'GET /api/nowhere',
      'GET /api/restart',
      'PUT /api/tenants/acme',
      'OPTIONS /api/tenants',
      'POST /api/tenants//restart',
      'POST /api/demo/replicas',
    ]) {
      const { status, reply } = await tell(line)
      t.ok(status === 404 || (status === 400 && line.includes('//')), line)
      t.match(reply, { code: /^MANAGER_ERR_/, message: /./ })
    }
    t.equal((await tell('HEAD /api/tenants')).status, 200)
    t.equal((await tell('HEAD /api/events')).status, 404)
  })
})

t.test('what goes wrong inside stays inside; the log has it', async (t) => {
  const { tell, authority, heartbeats, log } = await serve(t, postgres)
  const inside = new Error('password authentication failed for user "tenantry"')

  t.test('a database that is away is a 503 with Retry-After', async (t) => {
    authority.listTenants = () =>
      Promise.reject(new TenantryError('TENANTRY_ERR_AUTHORITY_UNREACHABLE', { cause: inside }))
    const { status, headers, body } = await tell('GET /api/tenants')
    t.equal(status, 503)
    t.equal(headers['retry-after'], '1')
    t.match(JSON.parse(body), { code: 'TENANTRY_ERR_AUTHORITY_UNREACHABLE' })
    t.notMatch(body, /password/)
  })

  t.test('so are heartbeats that cannot be read', async (t) => {
    heartbeats.read = () => Promise.reject(inside)
    const { status, headers, body } = await tell('GET /api/replicas')
    t.equal(status, 503)
    t.equal(headers['retry-after'], '1')
    t.match(JSON.parse(body), { code: 'MANAGER_ERR_HEARTBEATS_UNREADABLE' })
    t.notMatch(body, /password/)
  })

  t.test('a mistake of ours is a 500 without a word', async (t) => {
    authority.listRestarts = () => Promise.reject(inside)
    const { status, reply } = await tell('GET /api/restarts')
    t.equal(status, 500)
    t.strictSame(reply, { statusCode: 500, code: 'MANAGER_ERR_INTERNAL', message: 'Something went wrong' })
  })

  t.test('all three are in the log', async (t) => {
    const failed = log.filter((line) => line.includes('the request failed'))
    t.equal(failed.length, 3)
    for (const line of failed) t.match(line, /password authentication failed/)
  })
})

t.test('convergence is told by what the replicas report', async (t) => {
  const { tell, heartbeats } = await serve(t, postgres)
  const startedAt = new Date('2026-01-01T00:00:00Z')
  const at = new Date('2026-01-02T00:00:00Z')
  const first = await tell('POST /api/tenants', { id: 'acme', name: 'Acme' })
  const old = first.reply.token
  const { token } = (await tell('POST /api/tenants/acme/restart')).reply
  const [id] = token.split('.')

  function beat(replica: string, report: object | undefined) {
    const reports = new Map(report === undefined ? [] : [['acme', report as never]])
    return heartbeats.beat({ replica, startedAt, reports, gone: [], whole: true })
  }
  const statesOf = async () => {
    const { reply } = await tell('GET /api/tenants/acme/convergence')
    return [reply.replicas.map(({ state }: { state: string }) => state).join(' '), reply.converged]
  }

  t.same(await statesOf(), ['', true], 'nobody is behind where nobody is')
  const held = { state: 'held', token, all: 'claimed', builtAt: at }
  await beat('one', held)
  await beat('two', { ...held, token: old })
  await beat('three', undefined)
  t.same(await statesOf(), ['current not-loaded behind', false])
  await beat('two', held)
  t.same(await statesOf(), ['current not-loaded current', true])

  // The dot counts: 12.… is no token of restart 1.
  await beat('two', { ...held, token: `${id}1.x` })
  t.same(await statesOf(), ['current not-loaded behind', false])
  const failed = {
    state: 'failed',
    token,
    all: 'claimed',
    failedAt: at,
    reason: 'theme.accent: expected a colour',
  }
  await beat('two', failed)
  const { reply } = await tell('GET /api/tenants/acme/convergence')
  t.match(reply, {
    tenant: 'acme',
    restart: { id, key: 'tenant:acme' },
    converged: false,
    counts: { current: 1, behind: 0, failed: 1, 'not-loaded': 1 },
  })
  t.strictSame(reply.replicas[2], {
    replica: 'two',
    state: 'failed',
    token,
    at: at.toISOString(),
    reason: failed.reason,
  })
  await beat('two', { ...failed, token: old })
  t.same(
    await statesOf(),
    ['current not-loaded not-loaded', true],
    'it is tried again under the newest token',
  )
  t.strictSame(
    (await tell('GET /api/tenants/acme/convergence')).reply.replicas[2],
    { replica: 'two', state: 'not-loaded', token: null, at: null, reason: null },
    'and of the failure before nothing is told',
  )

  const all = (await tell('POST /api/restart', { all: true })).reply.restarts[0].token
  t.same(await statesOf(), ['behind not-loaded not-loaded', false])
  await beat('one', { ...held, all })
  t.same(await statesOf(), ['current not-loaded not-loaded', true])
  t.match(
    (await tell('GET /api/tenants/acme/convergence')).reply.restart,
    { key: 'all' },
    'the last that counts',
  )
  t.strictSame((await tell('GET /api/replicas')).reply.replicas, [
    { replica: 'one', startedAt: startedAt.toISOString(), tenants: 1, failed: 0 },
    { replica: 'three', startedAt: startedAt.toISOString(), tenants: 0, failed: 0 },
    { replica: 'two', startedAt: startedAt.toISOString(), tenants: 0, failed: 1 },
  ])
})

t.test('configurations are checked against the schema, before anything is saved', async (t) => {
  const configSchema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: {
      theme: { type: 'object', properties: { accent: { type: 'string', pattern: '^#[0-9a-f]{6}$' } } },
      plan: { enum: ['free', 'paid'], default: 'free' },
      'a/b~c': { type: 'integer' },
    },
    required: ['plan'],
  }
  const { tell } = await serve(t, postgres, { configSchema })
  t.strictSame((await tell('GET /api/config-schema')).reply, { schema: configSchema })
  const good = { plan: 'free', theme: { accent: '#aabbcc' }, more: [1] }
  const bad = { theme: { accent: 'red' }, 'a/b~c': 1.5 }
  const problems = [
    { path: '/config/plan', message: 'expected a value, got nothing' },
    { path: '/config/theme/accent', message: 'expected text that matches ^#[0-9a-f]{6}$, got "red"' },
    { path: '/config/a~1b~0c', message: 'expected an integer, got 1.5' },
  ]
  t.strictSame((await tell('POST /api/config-check', { config: good })).reply, { problems: [] })
  t.same((await tell('POST /api/config-check', { config: bad })).reply, { problems })
  const refused = await tell('POST /api/tenants', { id: 'acme', name: 'Acme', config: bad })
  t.match(refused.reply, { statusCode: 400, code: 'MANAGER_ERR_CONFIG_INVALID', problems, message: /accent/ })
  t.equal((await tell('GET /api/tenants/acme')).status, 404)
  t.equal((await tell('POST /api/tenants', { id: 'acme', name: 'Acme', config: good })).status, 201)
  t.equal((await tell('PATCH /api/tenants/acme', { version: 1, config: bad })).status, 400)
  t.strictSame((await tell('GET /api/tenants/acme')).reply.config, good, 'and nothing is filled in')
  t.equal((await tell('PATCH /api/tenants/acme', { version: 1, name: 'Other' })).status, 200)
})

t.test('a schema that is none is told when the manager starts', async (t) => {
  for (const configSchema of [{ type: 'text' }, { type: 'object', propertees: {} }, { format: 'colour' }]) {
    const { authority, tokens, heartbeats } = await serve(t, postgres)
    const app = Fastify(serverOptions)
    await app.register(tenantManager, { authority, tokens, heartbeats, configSchema })
    await t.rejects(async () => void (await app.ready()), {
      name: 'ConfigSchemaError',
      message: /not a valid JSON Schema: /,
    })
    await app.close()
  }
})

t.test('with a key', async (t) => {
  const { port, log } = await serve(t, postgres, { apiKey: KEY })
  const tell = teller(port)
  const withKey = teller(port, { authorization: `Bearer ${KEY}` })

  t.test('every call of the API needs it', async (t) => {
    for (const line of [
      'GET /api/tenants',
      'POST /api/tenants',
      'PATCH /api/tenants/acme',
      'POST /api/restart',
      'GET /api/events',
      'GET /api/nowhere',
    ]) {
      const { status, headers, reply } = await tell(line)
      t.equal(status, 401, line)
      t.equal(headers['www-authenticate'], 'Bearer')
      t.match(reply, { statusCode: 401, code: 'MANAGER_ERR_UNAUTHORIZED', message: /Authorization: Bearer/ })
    }
    t.equal((await withKey('GET /api/tenants')).status, 200)
    t.equal((await tell('GET /api/tenants', undefined, { authorization: `bearer ${KEY}` })).status, 200)
  })

  t.test('what has no data in it does not', async (t) => {
    for (const path of ['/healthz', '/docs', '/docs/json'])
      t.equal((await tell(`GET ${path}`)).status, 200, path)
  })

  t.test('the host that is named does not matter, as no page of another site has the key', async (t) => {
    t.equal((await withKey('GET /api/tenants', undefined, { host: 'manager.example' })).status, 200)
  })

  t.test('a wrong key is refused, whatever its length, and guessing soon ends', async (t) => {
    const wrong = [
      'x',
      KEY.slice(1),
      `${KEY} `,
      `${KEY}x`,
      KEY.toUpperCase(),
      'Basic abc',
      'é',
      '',
      ' ',
      KEY.repeat(9),
    ]
    for (const key of wrong) {
      const { status, headers } = await tell('GET /api/tenants', undefined, {
        authorization: `Bearer ${key}x`,
      })
      t.equal(status, 401, key)
      t.equal(headers['www-authenticate'], 'Bearer error="invalid_token"')
    }
    const { status, headers, reply } = await tell('GET /api/tenants', undefined, {
      authorization: 'Bearer guess',
    })
    t.equal(status, 429)
    t.match(reply, { statusCode: 429, code: 'MANAGER_ERR_TOO_MANY_REQUESTS' })
    t.ok(Number(headers['retry-after']) >= 1 && Number(headers['retry-after']) <= 60)
    t.equal((await withKey('GET /api/tenants')).status, 200, 'nobody is locked out')
    t.match(log.join(''), /"ip":"127.0.0.1","path":"\/api\/tenants".*"a wrong key"/)
    t.notMatch(log.join(''), new RegExp(KEY))
  })

  t.test('even its holder may only call so often', async (t) => {
    let last = 200
    for (let batch = 0; batch < 70 && last === 200; batch += 1) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => fetchStatus(port, { authorization: `Bearer ${KEY}` })),
      )
      last = answers.find((status) => status !== 200) ?? 200
      if (batch < 55) t.equal(last, 200)
    }
    t.equal(last, 429)
  })
})

/** On kept-alive connections: thousands of them would be no use. */
async function fetchStatus(port: number, headers: Record<string, string>): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/api/config-schema`, { headers })
  await response.arrayBuffer()
  return response.status
}

t.test('without a key, a request that may not come from this machine’s own user is refused', async (t) => {
  const { port, tokens, tell, app } = await serve(t, postgres)
  const here = [`localhost:${port}`, `LOCALHOST:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]
  const all = { all: true }

  t.test('by the host that it names: one that was made to point here', async (t) => {
    for (const host of here) t.equal((await tell('POST /api/restart', all, { host })).status, 200, host)
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
      for (const line of ['POST /api/restart', 'GET /api/tenants', 'GET /', 'GET /docs', 'GET /nowhere']) {
        const { status, reply } = await tell(line, line.startsWith('POST') ? all : undefined, { host })
        t.equal(status, 403, `${line} ${host}`)
        t.match(reply, { statusCode: 403, code: 'MANAGER_ERR_FORBIDDEN', message: /./ })
      }
    }
    t.same(await tokens.read(['all']), [token], 'nothing is written')
  })

  t.test('by the site that sends it', async (t) => {
    for (const host of here) {
      const origin = `http://${host.toLowerCase()}`
      t.equal((await tell('POST /api/restart', all, { host, origin })).status, 200, origin)
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
      t.equal((await tell('POST /api/restart', all, { origin })).status, 403, origin)
    }
    t.same(await tokens.read(['all']), [token], 'nothing is written')
  })

  t.test('by the address that it comes from, wherever the manager listens', async (t) => {
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
})

t.test('replies cannot be framed, sniffed or cached, and run no foreign script', async (t) => {
  const { tell } = await serve(t, postgres)
  const { headers } = await tell('GET /api/tenants')
  t.match(headers, {
    'content-security-policy': /^default-src 'none';script-src 'self';style-src 'self';/,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'cache-control': 'no-store',
  })
  t.notMatch(headers['content-security-policy'], /unsafe|upgrade-insecure/)
  t.notOk('strict-transport-security' in headers)
})

t.test('in the demo, replicas come and go, and the traffic is switched', async (t) => {
  const names = ['replica-1']
  let traffic = true
  const demo = {
    state: () => ({ replicas: names.map((name) => ({ name, port: 3001 })), traffic, served: 7, failed: 0 }),
    addReplica: async () => {
      names.push('replica-2')
      return 'replica-2'
    },
    removeReplica: async (name: string) => void names.splice(names.indexOf(name), 1),
    setTraffic: (on: boolean) => {
      traffic = on
    },
  }
  const { tell } = await serve(t, postgres, { demo })
  t.match(await tell('POST /api/demo/replicas'), { status: 201, reply: { name: 'replica-2' } })
  t.equal((await tell('DELETE /api/demo/replicas/replica-1')).status, 204)
  t.same(names, ['replica-2'])
  t.match(await tell('DELETE /api/demo/replicas/replica-1'), {
    status: 404,
    reply: { code: 'MANAGER_ERR_NOT_FOUND' },
  })
  t.match(await tell('PUT /api/demo/traffic', { on: false }), {
    status: 200,
    reply: { traffic: false, served: 7 },
  })
  t.equal((await tell('PUT /api/demo/traffic', { on: 'no' })).status, 400)
  t.equal(traffic, false)
})
