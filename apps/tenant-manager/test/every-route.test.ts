import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { serverOptions, tenantManager } from '../src/app.ts'
import { postgresFor, serve } from './support/manager.ts'

const KEY = 'a-key-of-more-than-20-characters'

const LISTS = 'a hundred thousand lists in each other'

/** Above what any body may have. */
const TOO_MUCH = 2 * 1024 * 1024 + 1

interface Route {
  readonly method: string
  readonly url: string
  /** Otherwise JSON that comes with it is not looked at. */
  readonly hasBody: boolean
}

type Method = 'GET' | 'POST'

const postgres = await postgresFor(t)

/** A manager with all that it can have, and each of its routes, as the app itself tells. */
async function serveAll(t: Test): Promise<{ app: FastifyInstance; routes: readonly Route[] } & Kept> {
  const { authority, tokens, heartbeats } = await serve(t, postgres)
  const app = Fastify(serverOptions)
  t.teardown(() => app.close())
  const routes: Route[] = []
  app.addHook('onRoute', ({ method, url, schema }) => {
    for (const each of [method].flat())
      routes.push({ method: each, url, hasBody: schema?.body !== undefined })
  })
  const changes: string[] = []
  const demo = {
    state: () => ({ replicas: [], traffic: true, served: 0, failed: 0 }),
    addReplica: async () => {
      changes.push('a replica was added')
      return 'replica-1'
    },
    removeReplica: async () => void changes.push('a replica was removed'),
    setTraffic: () => void changes.push('the traffic was switched'),
  }
  await app.register(tenantManager, { authority, tokens, heartbeats, apiKey: KEY, demo })
  await app.ready()
  async function mustBeAsBefore(t: Test): Promise<void> {
    t.same(changes, [])
    t.equal((await authority.listTenants({ limit: 10 })).total, 0)
    t.same(await tokens.read(['all', 'all-hosts', 'tenant:acme']), [null, null, null])
  }
  return { app, routes, mustBeAsBefore }
}

interface Kept {
  /** Nothing was created, restarted or switched. */
  mustBeAsBefore(t: Test): Promise<void>
}

const pathOf = ({ url }: Route) => url.replace(/:\w+/g, 'acme').replace('*', 'x')

/** Keys that are nearly right, and other ways to say nothing. */
function wrongAuthorizations(): (string | undefined)[] {
  const changed = Array.from(KEY, (_, place) => {
    const flipped = String.fromCharCode(KEY.charCodeAt(place) ^ 1)
    return `Bearer ${KEY.slice(0, place)}${flipped}${KEY.slice(place + 1)}`
  })
  return [
    ...[undefined, '', ' ', 'Bearer', 'Bearer ', 'Bearer undefined', 'Bearer null'],
    ...[`Bearer ${KEY.slice(0, -1)}`, `Bearer ${KEY.slice(1)}`, `Bearer ${KEY[0]}`, `Bearer ${KEY}x`],
    ...[
      `Bearer ${KEY}${KEY}`,
      `Bearer ${KEY}, Bearer ${KEY}`,
      `Bearer "${KEY}"`,
      `Bearer ${KEY.toUpperCase()}`,
    ],
    ...[KEY, `Basic ${KEY}`, `Basic ${btoa(`:${KEY}`)}`, `Digest ${KEY}`, `Token ${KEY}`, `Bearer:${KEY}`],
    ...[`Bearer ${btoa(KEY)}`, `Bearer ${encodeURIComponent(`${KEY}\0`)}`],
    ...changed,
  ]
}

t.test('no route of the API answers without the key, nor with one that is nearly right', async (t) => {
  const { app, routes, mustBeAsBefore } = await serveAll(t)
  const api = routes.filter(({ url }) => url.startsWith('/api'))
  t.ok(api.length > 17, `${api.length} routes`)
  // Each from an address of its own: it is not the limit on wrong keys that refuses them.
  let callers = 0
  const ask = (route: Route, headers: Record<string, string>) => {
    callers += 1
    const remoteAddress = `10.${callers >> 16}.${(callers >> 8) & 255}.${callers & 255}`
    const { method } = route
    return app.inject({ method: method as Method, url: pathOf(route), headers, remoteAddress })
  }
  for (const route of api) {
    const statuses = new Set<number>()
    for (const authorization of wrongAuthorizations()) {
      const { statusCode, body } = await ask(route, authorization === undefined ? {} : { authorization })
      statuses.add(statusCode)
      if (body.includes(KEY)) t.fail('the key is told')
    }
    // The other places where keys are sent, elsewhere.
    for (const headers of [
      { 'x-api-key': KEY },
      { cookie: `key=${KEY}` },
      { 'proxy-authorization': `Bearer ${KEY}` },
    ])
      statuses.add((await ask(route, headers)).statusCode)
    t.same([...statuses], [401], `${route.method} ${route.url}`)
  }
  const inQuery = await ask(
    { method: 'GET', url: `/api/tenants?key=${KEY}&authorization=Bearer+${KEY}`, hasBody: false },
    {},
  )
  t.equal(inQuery.statusCode, 401)
  await mustBeAsBefore(t)
  const authorization = `Bearer ${KEY}`
  t.equal(
    (await ask({ method: 'GET', url: '/api/tenants', hasBody: false }, { authorization })).statusCode,
    200,
  )
})

t.test('what is outside the API can be had without the key, and changes nothing', async (t) => {
  const { app, routes, mustBeAsBefore } = await serveAll(t)
  const others = routes.filter(({ url }) => !url.startsWith('/api'))
  t.ok(others.length > 0)
  t.same(
    others.filter(({ method }) => method !== 'GET' && method !== 'HEAD'),
    [],
    'nothing but GET and HEAD',
  )
  for (const route of others) {
    const { statusCode, body } = await app.inject({ method: route.method as Method, url: pathOf(route) })
    t.ok(statusCode < 500, `${route.method} ${route.url}: ${statusCode}`)
    t.notOk(body.includes(KEY))
  }
  await mustBeAsBefore(t)
})

t.test('no body that is too large or malformed gets any further, on any route', async (t) => {
  const { app, routes, mustBeAsBefore } = await serveAll(t)
  const taking = routes.filter(
    ({ method, url }) => url.startsWith('/api') && !['GET', 'HEAD'].includes(method),
  )
  t.ok(taking.length > 8, `${taking.length} routes`)
  const json = 'application/json'
  const bodies: [what: string, status: number, type: string, payload: string | Buffer][] = [
    ['too much', 413, json, `"${'x'.repeat(TOO_MUCH)}"`],
    ['too much of nothing', 413, json, ' '.repeat(TOO_MUCH)],
    ['half of an object', 400, json, '{"tenants": ["acme"'],
    ['two objects', 400, json, '{}{}'],
    ['no JSON', 400, json, 'tenants=acme'],
    ['bytes that are no UTF-8', 400, json, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ['a prototype', 400, json, '{"__proto__": {"all": true}}'],
    ['a constructor', 400, json, '{"constructor": {"prototype": {"all": true}}}'],
    [LISTS, 400, json, '['.repeat(100_000) + ']'.repeat(100_000)],
    ['a form', 415, 'application/x-www-form-urlencoded', 'all=true'],
    ['a text', 415, 'text/plain', '{"all": true}'],
    ['XML', 415, 'application/xml', '<all/>'],
    ['another charset', 400, 'application/json; charset=utf-16', Buffer.from('{"all":true}', 'utf16le')],
  ]
  for (const route of taking) {
    for (const [what, status, type, payload] of bodies) {
      // The only one that is JSON.
      if (what === LISTS && !route.hasBody) continue
      const headers = { authorization: `Bearer ${KEY}`, 'content-type': type }
      const answer = await app.inject({
        method: route.method as Method,
        url: pathOf(route),
        headers,
        payload,
      })
      t.equal(answer.statusCode, status, `${route.method} ${route.url}: ${what}`)
      t.match(answer.json(), {
        statusCode: answer.statusCode,
        code: /^(MANAGER|FST|TENANTRY)_ERR_/,
        message: /./,
      })
    }
  }
  await mustBeAsBefore(t)
})
