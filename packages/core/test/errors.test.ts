import { readFile } from 'node:fs/promises'
import t from 'tap'
import { ERROR_CODES, quote, TenantryError } from '../src/errors.ts'

t.test('the reference tells of every code, and of no other, with its status', async (t) => {
  const reference = await readFile(new URL('../../../docs/reference/errors.md', import.meta.url), 'utf8')
  const headings = [...reference.matchAll(/^#+ `?(TENANTRY_\w+)`?$/gm)].map(([, code]) => code)
  t.same(headings.toSorted(), ERROR_CODES.toSorted())

  for (const code of ERROR_CODES) {
    const { statusCode, retryAfterMs } = new TenantryError(code)
    const retryAfter = `${retryAfterMs === undefined ? 'without' : 'with'} \`Retry-After\``
    t.match(reference, `### ${code}\n\n**${statusCode}**, ${retryAfter}`)
  }
})

t.test(
  'an error has the status and the message of its code, unless it is given another message',
  async (t) => {
    const error = new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')
    t.match(error, { name: 'TenantryError', code: 'TENANTRY_ERR_TENANT_NOT_FOUND', statusCode: 404 })
    t.equal(error.message, 'There is no such tenant')
    t.type(error, Error)
    t.match(error.stack, /^TenantryError: There is no such tenant\n/)

    const message = 'Invalid host "a..b": it has an empty label'
    t.equal(new TenantryError('TENANTRY_ERR_HOST_INVALID', { message }).message, message)
  },
)

t.test('a cause is kept, also one that is undefined', async (t) => {
  const cause = new Error('connection refused')
  t.equal(new TenantryError('TENANTRY_ERR_BUILD_FAILED', { cause }).cause, cause)
  t.ok('cause' in new TenantryError('TENANTRY_ERR_BUILD_FAILED', { cause: undefined }))
  t.notOk('cause' in new TenantryError('TENANTRY_ERR_BUILD_FAILED'))
})

t.test('trying again is of use after a 503 only, and after 1 s where nothing better is known', async (t) => {
  for (const code of ERROR_CODES) {
    const { statusCode, retryAfterMs } = new TenantryError(code)
    t.equal(retryAfterMs, statusCode === 503 ? 1000 : undefined, code)
  }
  t.equal(new TenantryError('TENANTRY_ERR_BUILD_FAILED', { retryAfterMs: 250 }).retryAfterMs, 250)
  t.equal(new TenantryError('TENANTRY_ERR_BUILD_FAILED', { retryAfterMs: 0 }).retryAfterMs, 0)
})

t.test('instanceof holds for the errors of another copy of the package, and for nothing else', async (t) => {
  // A name known at run time only: to the compiler, a module under a query string is none.
  const copy: string = '../src/errors.ts?copy'
  const { TenantryError: OtherTenantryError }: typeof import('../src/errors.ts') = await import(copy)
  t.not(OtherTenantryError, TenantryError)
  const error = new TenantryError('TENANTRY_ERR_POOL_CLOSED')
  const otherError = new OtherTenantryError('TENANTRY_ERR_POOL_CLOSED')
  for (const one of [error, otherError]) {
    t.ok(one instanceof TenantryError)
    t.ok(one instanceof OtherTenantryError)
  }

  const alike = Object.assign(new Error(error.message), {
    name: error.name,
    code: error.code,
    statusCode: 503,
  })
  for (const other of [alike, {}, null, undefined, 'TENANTRY_ERR_POOL_CLOSED', TenantryError]) {
    t.notOk((other as unknown) instanceof TenantryError, quote(other))
  }
  t.same(Object.getOwnPropertySymbols({ ...error }), [], 'the brand is not copied')
})

t.test('a received value is quoted in one short line', async (t) => {
  t.equal(quote('acme'), '"acme"')
  t.equal(quote('a"b\n'), '"a\\"b\\n"')
  t.equal(quote('a'.repeat(64)), `"${'a'.repeat(64)}"`)
  t.equal(quote('a'.repeat(65)), `"${'a'.repeat(64)}…"`)
  t.equal(quote(['secret']), 'an array')
  t.equal(quote({ secret: true }), 'an object')
  t.equal(
    quote(() => 'secret'),
    'a function',
  )
  for (const value of [undefined, null, true, 0, Number.NaN, 10n, Symbol('s')])
    t.equal(quote(value), String(value))
})
