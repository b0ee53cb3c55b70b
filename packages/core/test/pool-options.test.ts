import t from 'tap'
import { systemClock } from '../src/clock.ts'
import { MemoryTokenStore } from '../src/memory-token-store.ts'
import { resolvePoolOptions, type TenantPoolOptions } from '../src/pool-options.ts'
import { TenantPool } from '../src/tenant-pool.ts'

const tokens = new MemoryTokenStore()
const load = () => ({})
const required: TenantPoolOptions<object> = { tokens, load }

const LONGEST = 2 ** 31 - 1

/** The message of the error that these options are refused with; undefined: they are not. */
function refusal(options: unknown): string | undefined {
  try {
    resolvePoolOptions(options as TenantPoolOptions<object>)
    return undefined
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    return code === 'TENANTRY_ERR_OPTIONS_INVALID' ? message : `${code}: ${message}`
  }
}

t.test('every option but `tokens` and `load` has a default', async (t) => {
  const { create, dispose, newToken, ...values } = resolvePoolOptions(required)
  t.same(values, {
    tokens,
    load,
    maxTenants: 1000,
    maxConcurrentBuilds: 8,
    buildTimeoutMs: 10_000,
    check: 'every-request',
    checkTimeoutMs: 250,
    maxUncheckedMs: 300_000,
    sweepMs: 10_000,
    drainTimeoutMs: 30_000,
    unknownForMs: 5000,
    clock: systemClock,
  })
  const config = {}
  const context = { id: 'acme', signal: new AbortController().signal }
  t.equal(create(config, context), config, 'the configuration is the tenant')
  t.equal(dispose(config, context), undefined)
  t.not(newToken(), newToken())

  t.test('also if it is given as undefined', async (t) => {
    const undefinedOptions = Object.fromEntries(Object.keys(values).map((name) => [name, undefined]))
    t.same(resolvePoolOptions({ ...undefinedOptions, ...required }).maxTenants, 1000)
  })

  t.test('and that of sweepMs is at most half of maxUncheckedMs', async (t) => {
    for (const [maxUncheckedMs, sweepMs] of [
      [20_001, 10_000],
      [19_999, 9999],
      [3, 1],
      [2, 1],
    ] as const) {
      t.equal(resolvePoolOptions({ ...required, maxUncheckedMs }).sweepMs, sweepMs)
    }
  })
})

t.test('what is given is taken as it is', async (t) => {
  const given = {
    tokens: () => tokens,
    load: () => ({}),
    create: (config: object) => config,
    dispose() {},
    maxTenants: 1,
    maxConcurrentBuilds: 1,
    buildTimeoutMs: 1,
    check: { maxAgeMs: 1 },
    checkTimeoutMs: 1,
    maxUncheckedMs: 2,
    sweepMs: 1,
    drainTimeoutMs: 0,
    unknownForMs: 1,
    clock: { ...systemClock },
    newToken: () => '',
  }
  t.same(resolvePoolOptions(given), given, 'the least of each')
  const most = {
    ...given,
    maxTenants: 1_000_000,
    maxConcurrentBuilds: 1_000_000,
    buildTimeoutMs: LONGEST,
    check: { maxAgeMs: LONGEST },
    checkTimeoutMs: LONGEST,
    maxUncheckedMs: LONGEST,
    sweepMs: (LONGEST - 1) / 2,
    drainTimeoutMs: LONGEST,
    unknownForMs: LONGEST,
  }
  t.same(resolvePoolOptions(most), most, 'the most of each')
})

t.test("the caller's object is not touched, and what comes of it is frozen", async (t) => {
  const given = Object.freeze({ ...required, maxTenants: 5 })
  const options = resolvePoolOptions(given)
  t.same(given, { tokens, load, maxTenants: 5 })
  t.not(options, given)
  t.ok(Object.isFrozen(options))
  t.notOk(Object.isFrozen(tokens))

  t.test('and changing it later changes nothing', async (t) => {
    const changed = { ...required, maxTenants: 5 }
    const before = resolvePoolOptions(changed)
    changed.maxTenants = 6
    t.equal(before.maxTenants, 5)

    const check = { maxAgeMs: 5 }
    const checked = resolvePoolOptions({ ...required, check })
    check.maxAgeMs = 6
    t.same(checked.check, { maxAgeMs: 5 })
  })
})

t.test('what is refused is named, with what was expected and what was received', async (t) => {
  const integer = (name: string, from: number, to: number, received: string) =>
    `Expected \`${name}\` to be an integer from ${from} to ${to}, got ${received}`
  const store = 'a token store or a function that opens one'

  t.equal(refusal(undefined), 'Expected the options to be an object, got undefined')
  t.equal(refusal(null), 'Expected the options to be an object, got null')
  t.equal(refusal('acme'), 'Expected the options to be an object, got "acme"')
  t.equal(refusal({ load }), `Expected \`tokens\` to be ${store}, got undefined`)
  t.equal(refusal({ load, tokens: null }), `Expected \`tokens\` to be ${store}, got null`)
  t.equal(refusal({ load, tokens: {} }), `Expected \`tokens\` to be ${store}, got an object`)
  t.equal(refusal({ load, tokens: 'redis://' }), `Expected \`tokens\` to be ${store}, got "redis://"`)
  t.match(
    refusal({ ...required, maxTenant: 5 }),
    /^Expected every option to be one of tokens, load, .*, got "maxTenant"$/,
  )
  t.equal(refusal({ tokens }), 'Expected `load` to be a function, got undefined')
  t.equal(refusal({ ...required, clock: {} }), 'Expected `clock` to be a clock, got an object')
  t.equal(refusal({ ...required, clock: 7 }), 'Expected `clock` to be a clock, got 7')
  for (const name of ['load', 'create', 'dispose', 'newToken']) {
    t.equal(refusal({ ...required, [name]: {} }), `Expected \`${name}\` to be a function, got an object`)
    t.equal(refusal({ ...required, [name]: 'x' }), `Expected \`${name}\` to be a function, got "x"`)
  }
  for (const [name, least, most] of [
    ['maxTenants', 1, 1_000_000],
    ['maxConcurrentBuilds', 1, 1_000_000],
    ['buildTimeoutMs', 1, LONGEST],
    ['checkTimeoutMs', 1, LONGEST],
    ['maxUncheckedMs', 2, LONGEST],
    ['sweepMs', 1, LONGEST],
    ['drainTimeoutMs', 0, LONGEST],
    ['unknownForMs', 1, LONGEST],
  ] as const) {
    for (const [value, received] of [
      [least - 1, `${least - 1}`],
      [most + 1, `${most + 1}`],
      [least + 0.5, `${least + 0.5}`],
      [Number.NaN, 'NaN'],
      [Number.POSITIVE_INFINITY, 'Infinity'],
      ['10', '"10"'],
      ['ten', '"ten"'],
      [10n, '10'],
      [[10], 'an array'],
      [true, 'true'],
    ] as const) {
      t.equal(refusal({ ...required, [name]: value }), integer(name, least, most, received))
    }
  }
  for (const [check, received] of [
    ['always', '"always"'],
    [50, '50'],
    [{}, 'an object'],
    [[50], 'an array'],
    [{ maxAgeMs: 50, sweepMs: 5 }, 'an object'],
  ] as const) {
    t.equal(
      refusal({ ...required, check }),
      `Expected \`check\` to be 'every-request' or { maxAgeMs }, got ${received}`,
    )
  }
  for (const maxAgeMs of [0, 1001, 0.5, Number.NaN]) {
    t.equal(
      refusal({ ...required, maxUncheckedMs: 1000, check: { maxAgeMs } }),
      integer('check.maxAgeMs', 1, 1000, `${maxAgeMs}`),
    )
  }
  t.equal(
    refusal({ ...required, maxUncheckedMs: 1000, sweepMs: 501 }),
    'Expected `sweepMs` to be at most half of `maxUncheckedMs` (1000), got 501',
  )
})

t.test('a pool refuses invalid options before it opens its store', async (t) => {
  let opened = 0
  const open = () => {
    opened += 1
    return tokens
  }
  t.throws(() => new TenantPool({ tokens: open, load, maxTenants: 0 }), {
    code: 'TENANTRY_ERR_OPTIONS_INVALID',
    statusCode: 500,
  })
  t.equal(opened, 0)
})

t.test('a function that opens no store is refused', async (t) => {
  const later = (async () => tokens) as unknown as () => MemoryTokenStore
  t.throws(() => new TenantPool({ tokens: later, load }), {
    code: 'TENANTRY_ERR_OPTIONS_INVALID',
    message: 'Expected what `tokens` returned to be a token store, got an object',
  })
})
