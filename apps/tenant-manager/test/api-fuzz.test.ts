import type { TenantReport } from '@tenantry/core'
import fc from 'fast-check'
import Fastify from 'fastify'
import t from 'tap'
import { serverOptions } from '../src/app.ts'
import { broken, type Schema, valid } from './support/from-schema.ts'
import { postgresFor, serve, teller } from './support/manager.ts'

/** Enough for each operation a few hundred times. */
const REQUESTS = 2000
const TIME_LIMIT_MS = 20_000

interface Operation {
  readonly line: string
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: Schema }[]
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } }
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >
}

interface Request {
  readonly operation: Operation
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string | undefined
}

const KEY = { authorization: 'Bearer key' }

const CONFIG_SCHEMA = {
  type: 'object',
  properties: { theme: { type: 'object', properties: { accent: { type: 'string', pattern: '^#' } } } },
}

/** Ids that exist, so that not every request is for nobody. */
const IDS = ['acme', '🦆/é', '__proto__']
const HOSTNAME = 'acme.localhost'

t.test('whatever is sent, as the document says or not, is answered as the document says', async (t) => {
  const manager = await serve(t, await postgresFor(t), { configSchema: CONFIG_SCHEMA, apiKey: 'key' })
  const { app, authority, heartbeats } = manager
  const tell = teller(manager.port, KEY)
  const config = { theme: { accent: '#000' } }
  const create = (id: string) =>
    tell('POST /api/tenants', { id, name: id, config, ...(id === 'acme' && { hostnames: [HOSTNAME] }) })
  for (const id of IDS) await create(id)
  const report: TenantReport = {
    state: 'failed',
    token: null,
    all: null,
    failedAt: new Date(),
    reason: '\u0000<',
  }
  await heartbeats.beat({
    replica: '<replica>',
    startedAt: new Date(),
    reports: new Map(IDS.map((id) => [id, report])),
    gone: [],
    whole: true,
  })

  const operations = operationsOf((await tell('GET /docs/json')).reply)
  t.equal(operations.length, 14)
  const check = await validators()
  const statuses = new Map<string, number>()

  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...operations).chain(requestFor),
      async ({ operation, path, headers, body }) => {
        const [method = 'GET'] = operation.line.split(' ')
        const answer = await app.inject({
          method: method as 'GET',
          url: path,
          headers: { ...KEY, ...headers },
          ...(body !== undefined && { payload: body }),
        })
        const { statusCode } = answer
        const what = `${operation.line} ${statusCode}`
        statuses.set(what, (statuses.get(what) ?? 0) + 1)
        const described = `${method} ${path} ${body} gave ${statusCode} ${answer.body}`
        if (statusCode >= 500) throw new Error(described)
        const documented =
          operation.responses[statusCode] ?? operation.responses[`${String(statusCode)[0]}XX`]
        if (documented === undefined) throw new Error(`not documented: ${described}`)
        const schema = documented.content?.['application/json']?.schema
        const problem = schema === undefined ? answer.body : check(schema, answer.json())
        // Those that the requests are for are there again.
        if (statusCode === 204) for (const id of IDS) await create(id)
        if (problem) throw new Error(`not as documented: ${problem}: ${described}`)
      },
    ),
    { numRuns: REQUESTS, interruptAfterTimeLimit: TIME_LIMIT_MS, endOnFailure: true },
  )

  t.comment(Object.fromEntries([...statuses].sort()))
  for (const { line } of operations) {
    const own = [...statuses].filter(([what]) => what.startsWith(`${line} `))
    const count = own.reduce((sum, [, times]) => sum + times, 0)
    // A slow machine has not come that far.
    if (count < 100) continue
    t.ok(
      own.some(([what]) => what.startsWith(`${line} 2`)),
      `${line} has done, now and then, what was asked for`,
    )
  }

  t.test('and nothing that is not valid was kept', async (t) => {
    const { tenants, total } = await authority.listTenants({ limit: 10_000 })
    t.equal(tenants.length, total)
    t.ok(total > IDS.length, `${total} tenants`)
    const schema = operations.find(({ line }) => line === 'GET /api/tenants/{id}')?.responses['200']
    for (const { id } of tenants) {
      const { reply } = await tell(`GET /api/tenants/${encodeURIComponent(id)}`)
      t.notOk(check(schema?.content?.['application/json']?.schema as Schema, reply), id)
      t.notOk(check(CONFIG_SCHEMA as Schema, reply.config), 'the configuration, too')
    }
  })
})

function operationsOf(document: {
  paths: Record<string, Record<string, Omit<Operation, 'line'>>>
}): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .map(([method, operation]) => ({ ...operation, line: `${method.toUpperCase()} ${path}` }))
      // A stream has no end.
      .filter(({ line }) => line !== 'GET /api/events'),
  )
}

function requestFor(operation: Operation): fc.Arbitrary<Request> {
  const { parameters = [], requestBody, line } = operation
  const schema = requestBody?.content['application/json'].schema
  const json = (value: unknown) => JSON.stringify(value)
  const body =
    schema === undefined
      ? fc.constant(undefined)
      : fc.oneof(
          { weight: 5, arbitrary: valid(schema).map(json) },
          { weight: 4, arbitrary: broken(schema).map(json) },
          { weight: 1, arbitrary: fc.string() },
        )
  const values = fc.tuple(
    ...parameters.map(({ in: where, name, schema }) => {
      const good = valid(schema).map(String)
      if (where === 'path') {
        const known = name === 'id' ? fc.constantFrom(...IDS) : fc.constant(HOSTNAME)
        return fc.oneof({ weight: 3, arbitrary: known }, good)
      }
      const arbitrary = fc.oneof({ weight: 4, arbitrary: good }, fc.string())
      return fc.option(arbitrary, { nil: undefined, freq: 2 })
    }),
  )
  return fc.record({ values, body }).map(({ values, body }) => {
    let [, path = ''] = line.split(' ')
    const query: string[] = []
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    for (const [index, { in: where, name }] of parameters.entries()) {
      const value = values[index]
      if (value === undefined) continue
      const encoded = encodeURIComponent(value.toWellFormed())
      if (where === 'path') path = path.replace(`{${name}}`, encoded)
      else if (where === 'query') query.push(`${name}=${encoded}`)
      else headers[name] = encoded
    }
    return { operation, path: query.length > 0 ? `${path}?${query.join('&')}` : path, headers, body }
  })
}

/** What is wrong with a value, by the validator that the app itself uses; the empty string: nothing. */
async function validators(): Promise<(schema: Schema, value: unknown) => string> {
  const app = Fastify(serverOptions)
  app.post('/', { schema: { body: {} } }, async () => {})
  await app.ready()
  const compile = app.validatorCompiler as NonNullable<typeof app.validatorCompiler>
  const known = new Map<Schema, Validate>()
  return (schema, value) => {
    const validate = known.get(schema) ?? compile({ schema, method: 'POST', url: '/', httpPart: 'body' })
    known.set(schema, validate as Validate)
    return validate(value) === true ? '' : JSON.stringify((validate as Validate).errors).slice(0, 500)
  }
}

type Validate = ((value: unknown) => boolean) & { errors?: unknown }
