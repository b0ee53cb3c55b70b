import { TenantryError } from '@tenantry/core'
import Fastify, { type FastifyError } from 'fastify'
import t from 'tap'
import {
  databaseUrl,
  describeError,
  EnvironmentError,
  logLevel,
  port,
  readEnvironment,
  redisUrl,
  show,
  text,
} from '../src/index.ts'

const VARIABLES = {
  PORT: port(3000),
  REDIS_URL: redisUrl,
  DATABASE_URL: databaseUrl,
  NAME: text('one word', /^\w+$/, 'fallback'),
  LOG_LEVEL: logLevel('info'),
}

t.test('the environment', async (t) => {
  t.test('falls back where a variable is unset or empty', async (t) => {
    const expected = {
      PORT: 3000,
      REDIS_URL: undefined,
      DATABASE_URL: undefined,
      NAME: 'fallback',
      LOG_LEVEL: 'info',
    }
    t.same(readEnvironment({}, VARIABLES), expected)
    t.same(
      readEnvironment({ PORT: '', REDIS_URL: '', DATABASE_URL: '', NAME: '', LOG_LEVEL: '' }, VARIABLES),
      expected,
    )
  })

  t.test('is read as what each variable stands for', async (t) => {
    const set = {
      PORT: '0',
      REDIS_URL: 'rediss://user:secret@example.com:6380/2',
      DATABASE_URL: 'postgresql://user:secret@example.com/tenantry?sslmode=require',
      NAME: 'a',
      LOG_LEVEL: 'silent',
    }
    t.same(readEnvironment(set, VARIABLES), { ...set, PORT: 0 })
  })

  t.test('is refused with every variable that is wrong, what it was and what it should be', async (t) => {
    const wrong = {
      PORT: '65536',
      REDIS_URL: 'http://user:secret@example.com',
      DATABASE_URL: 'user:secret@example.com',
      NAME: 'two words',
      LOG_LEVEL: 'loud',
    }
    try {
      readEnvironment(wrong, VARIABLES)
      t.fail('it was accepted')
    } catch (error) {
      t.ok(error instanceof EnvironmentError)
      t.equal(
        (error as Error).message,
        [
          'The environment is not valid.',
          '  PORT: expected a port, 0 to 65535 (0: any that is free), got "65536"',
          '  REDIS_URL: expected a URL such as redis://127.0.0.1:6379 or rediss://…, got "http://…"',
          '  DATABASE_URL: expected a URL such as postgres://user@127.0.0.1:5432/tenantry, got "…@example.com"',
          '  NAME: expected one word, got "two words"',
          '  LOG_LEVEL: expected one of fatal, error, warn, info, debug, trace, silent, got "loud"',
        ].join('\n'),
      )
    }
    for (const PORT of ['-1', '1.5', '0x10', '3e3', ' 80', '80 ']) {
      t.throws(() => readEnvironment({ PORT }, VARIABLES), EnvironmentError, `PORT=${PORT}`)
    }
    for (const REDIS_URL of ['localhost:6379', 'redis://', 'redis://[::1']) {
      t.throws(() => readEnvironment({ REDIS_URL }, VARIABLES), EnvironmentError, `REDIS_URL=${REDIS_URL}`)
    }
    for (const DATABASE_URL of ['mysql://localhost/db', 'postgres://', 'localhost/db']) {
      t.throws(() => readEnvironment({ DATABASE_URL }, VARIABLES), EnvironmentError, DATABASE_URL)
    }
    t.throws(() => readEnvironment({ NAME: `${'x'.repeat(90)} ` }, VARIABLES), { message: /, got "x{79}…$/ })
  })
})

t.test('what a stranger is told of an error', async (t) => {
  t.test('is all there is to say of what Tenantry refuses, but not its cause', async (t) => {
    const cause = new Error('connect ECONNREFUSED 10.0.0.7:5432')
    t.same(describeError(new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')), {
      statusCode: 404,
      code: 'TENANTRY_ERR_TENANT_NOT_FOUND',
      message: new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND').message,
    })
    const body = describeError(new TenantryError('TENANTRY_ERR_AUTHORITY_UNREACHABLE', { cause }))
    t.match(body, { statusCode: 503, code: 'TENANTRY_ERR_AUTHORITY_UNREACHABLE' })
    t.notMatch(JSON.stringify(body), /10\.0\.0\.7/)
  })

  t.test('is what Fastify says of a request that it refuses', async (t) => {
    const app = Fastify()
    const refusals: (FastifyError | Error)[] = []
    app.setErrorHandler((error: FastifyError, _request, reply) => {
      refusals.push(error)
      reply.code(400).send()
    })
    app.post('/', { bodyLimit: 10 }, async () => 'never')
    const headers = { 'content-type': 'application/json' }
    await app.inject({ method: 'POST', url: '/', headers, payload: '{' })
    await app.inject({ method: 'POST', url: '/', headers, payload: '"longer than that"' })
    t.same(
      refusals.map((error) => describeError(error)?.code),
      ['FST_ERR_CTP_INVALID_JSON_BODY', 'FST_ERR_CTP_BODY_TOO_LARGE'],
    )
    t.same(
      refusals.map((error) => describeError(error)?.statusCode),
      [400, 413],
    )
  })

  t.test('is nothing of any other', async (t) => {
    const ofFastify = (statusCode?: number) =>
      Object.assign(new Error('x'), { code: 'FST_ERR_NOT_FOUND', ...(statusCode && { statusCode }) })
    for (const error of [
      new Error('the password is hunter2'),
      Object.assign(new Error('the password is hunter2'), { statusCode: 400 }),
      Object.assign(new Error('connect'), { code: 'ECONNREFUSED', statusCode: 400 }),
      ofFastify(500),
      ofFastify(),
    ]) {
      t.equal(describeError(error), undefined)
    }
  })
})

t.test('a value is shown as JSON, cut short', async (t) => {
  for (const [value, shown] of [
    ['a "b"', '"a \\"b\\""'],
    [{ a: [1, null] }, '{"a":[1,null]}'],
    [undefined, 'undefined'],
    ['x'.repeat(100), `"${'x'.repeat(79)}…`],
  ] as const) {
    t.equal(show(value), shown)
  }
})
