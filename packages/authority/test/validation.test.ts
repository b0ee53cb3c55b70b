import { TenantryError } from '@tenantry/core'
import fc from 'fast-check'
import t from 'tap'
import type { Config, NewTenant } from '../src/index.ts'
import { onEachDatabase } from './support/databases.ts'

const asked = { by: 'ada' }
const valid: NewTenant = { id: 'acme', name: 'Acme', hostnames: [], config: {} }

/** An object within an object, and so on. */
function nested(depth: number): Config {
  let config: Config = {}
  for (let level = 1; level < depth; level += 1) config = { in: config }
  return config
}

const cyclic: Record<string, unknown> = {}
cyclic.self = cyclic
const shared = Array.from({ length: 1000 }, () => 'x'.repeat(100))
const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [index, shared]))

// The bytes of `{"a":""}` and of the text.
const largest = { a: 'x'.repeat(1024 * 1024 - 8) }

const invalid: [Partial<Record<keyof NewTenant, unknown>>, string | RegExp][] = [
  [{ name: '' }, 'Expected name to be a string of 1 to 200 characters, got ""'],
  [{ name: ' \n\u00a0' }, 'Expected name to be more than blanks, got " \\n\u00a0"'],
  [{ name: '🦊'.repeat(201) }, /^Expected name to be a string of 1 to 200 characters, got "(?:🦊)+…"$/],
  [{ name: 'a\0b' }, 'Expected name to be free of U+0000 and lone surrogates, got "a\\u0000b"'],
  [{ name: 'a\ud800' }, 'Expected name to be free of U+0000 and lone surrogates, got "a\\ud800"'],
  [{ name: 7 }, 'Expected name to be a string, got 7'],
  [{ hostnames: 'acme.example' }, 'Expected hostnames to be a list, got "acme.example"'],
  [{ hostnames: ['acme.example', 'a..b'] }, 'hostnames[1]: Invalid host "a..b": it has an empty label'],
  [{ hostnames: [7] }, /^hostnames\[0\]: Invalid host 7/],
  [{ config: undefined }, 'Expected config to be a JSON object, got undefined'],
  [{ config: null }, 'Expected config to be a JSON object, got null'],
  [{ config: [] }, 'Expected config to be a JSON object, got a list'],
  [{ config: new Date() }, 'Expected config to be a JSON object, got an object'],
  [{ config: { a: [{ 'b c': Number.NaN }] } }, 'Expected config.a[0]["b c"] to be a finite number, got NaN'],
  [{ config: { a: -Infinity } }, 'Expected config.a to be a finite number, got -Infinity'],
  [{ config: { a: undefined } }, 'Expected config.a to be a value of JSON, got undefined'],
  // biome-ignore lint/suspicious/noSparseArray: that is what is refused
  [{ config: { a: [1, , 2] } }, 'Expected config.a[1] to be a value of JSON, got undefined'],
  [{ config: { a: 1n } }, 'Expected config.a to be a value of JSON, got 1'],
  [{ config: { a: Symbol('s') } }, 'Expected config.a to be a value of JSON, got Symbol(s)'],
  [{ config: { a: () => {} } }, 'Expected config.a to be a value of JSON, got a function'],
  [{ config: { a: new Map() } }, 'Expected config.a to be a value of JSON, got an object'],
  [{ config: { a: 'b\0' } }, 'Expected config.a to be free of U+0000 and lone surrogates, got "b\\u0000"'],
  [
    { config: { 'k\udfff': 1 } },
    'Expected config["k\\udfff"] to be free of U+0000 and lone surrogates, got "k\\udfff"',
  ],
  [
    { config: { k: { '\0': 1 } } },
    'Expected config.k["\\u0000"] to be free of U+0000 and lone surrogates, got "\\u0000"',
  ],
  [{ config: nested(65) }, 'Expected config to be nested at most 64 deep, got more'],
  [{ config: nested(100_000) }, 'Expected config to be nested at most 64 deep, got more'],
  [{ config: cyclic }, 'Expected config to be nested at most 64 deep, got more'],
  [
    { config: { a: `${largest.a}x` } },
    /^Expected config to be at most 1048576 bytes of JSON with its numbers written out, got more$/,
  ],
  [{ config: { a: 'é'.repeat(600_000) } }, /at most 1048576 bytes/],
  [{ config: many }, /at most 1048576 bytes/],
  [{ config: { a: Array.from({ length: 10_000 }, () => 1e300) } }, /at most 1048576 bytes/],
  [{ config: { a: Array.from({ length: 10_000 }, () => 5e-324) } }, /at most 1048576 bytes/],
]

const any16Bits = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 })
  .map((units) => String.fromCharCode(...units))
const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  any16Bits,
)
const anyNumber = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger())
const { anyJson } = fc.letrec((tie) => ({
  anyJson: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false),
    anyNumber,
    anyText,
    fc.array(tie('anyJson'), { maxLength: 4 }),
    fc.dictionary(anyText, tie('anyJson'), { maxKeys: 4 }),
  ),
}))
const anyTenant = fc.record({
  id: fc.oneof(anyText, fc.string({ minLength: 1, maxLength: 8 })),
  name: fc.oneof(anyText, fc.string({ minLength: 1, maxLength: 8 })),
  hostnames: fc.oneof(fc.array(fc.domain(), { maxLength: 3 }), fc.array(anyText, { maxLength: 1 })),
  config: fc.oneof(fc.dictionary(anyText, anyJson, { maxKeys: 5 }), fc.object() as fc.Arbitrary<Config>),
})
const anyAsked = fc.record({
  by: fc.oneof(fc.constant('ada'), anyText),
  reason: fc.option(anyText, { nil: undefined }),
})

function isRefusal(error: unknown): boolean {
  return error instanceof TenantryError && error.statusCode >= 400 && error.statusCode < 500
}

onEachDatabase(t, async (t, open) => {
  await t.test(
    'what is invalid is refused, by its field, with what was received and what was expected',
    async (t) => {
      const { authority } = await open(t)
      await authority.createTenant(valid, asked)
      const code = 'TENANTRY_ERR_TENANT_INVALID'
      for (const [part, message] of invalid) {
        await t.rejects(
          authority.createTenant({ ...valid, id: 'new', ...part } as NewTenant, asked),
          { code, message },
          String(message),
        )
        if (Object.values(part).includes(undefined)) continue
        await t.rejects(authority.changeTenant('acme', { version: 1, ...part } as never, asked), {
          code,
          message,
        })
      }
      for (const [received, message] of [
        [{ by: '' }, 'Expected by to be a string of 1 to 128 characters, got ""'],
        [{ by: 'x'.repeat(129) }, /Expected by to be a string of 1 to 128 characters/],
        [{ by: 'a', reason: 'x'.repeat(501) }, /Expected reason to be a string of 1 to 500 characters/],
        [{ by: 'a', reason: '\0' }, /Expected reason to be free of U\+0000/],
        [{ by: 'a', reason: {} }, 'Expected reason to be a string, got an object'],
      ] as const) {
        await t.rejects(authority.restartAll(received as never), { code, message })
        await t.rejects(authority.restart(['acme'], received as never), { code, message })
      }
      for (const version of [1.5, '1', undefined, Number.NaN] as never[]) {
        await t.rejects(authority.changeTenant('acme', { version }, asked), {
          code,
          message: /^Expected version to be a whole number/,
        })
      }
      t.match(await authority.listTenants({ limit: 10 }), { tenants: [{ id: 'acme', version: 1 }], total: 1 })
      t.match(await authority.listRestarts({ limit: 10 }), { restarts: { length: 2 } })
    },
  )

  await t.test('what is just valid is kept as it is', async (t) => {
    const { authority } = await open(t)
    const configs: Config[] = [
      nested(64),
      largest,
      { a: Array.from({ length: 2500 }, () => 1e300) },
      { shared: [shared, shared] },
    ]
    for (const [index, config] of configs.entries()) {
      const created = await authority.createTenant(
        { ...valid, id: `${index}`, name: '🦊'.repeat(200), config },
        { by: '🦊'.repeat(128), reason: '🦊'.repeat(500) },
      )
      t.ok(JSON.stringify(created.result.config) === JSON.stringify(config))
    }
    const id = 'ü'.repeat(127)
    t.match(await authority.createTenant({ ...valid, id }, asked), { result: { id } })
  })

  await t.test('whatever is not refused is kept as it is, and found', async (t) => {
    const { authority } = await open(t)
    let kept = 0
    await fc.assert(
      fc.asyncProperty(anyTenant, anyAsked, async (tenant, asked) => {
        const created = await authority.createTenant(tenant, asked).catch((error) => {
          if (!isRefusal(error)) throw error
        })
        if (created === undefined) return
        kept += 1
        const { id, name } = tenant
        const found = await authority.findTenant(id)
        t.same(found, created.result)
        t.match(found, { id, name })
        t.same(found?.config, JSON.parse(JSON.stringify(tenant.config)))
        for (const search of [id, name, ...(found?.hostnames ?? [])]) {
          const { tenants } = await authority.listTenants({ search, limit: 1000 })
          t.ok(
            tenants.some((one) => one.id === id),
            JSON.stringify(search),
          )
        }
        const [restart] = (await authority.listRestarts({ tenant: id, limit: 1 })).restarts
        t.match(restart, {
          tenant: id,
          by: asked.by,
          reason: asked.reason === '' ? null : (asked.reason ?? null),
        })
        await authority.deleteTenant(id, { by: 'ada' })
      }),
      { numRuns: 150 },
    )
    t.ok(kept > 25, `${kept} of 150 were kept`)
  })

  await t.test('whatever is asked for, there is an answer or a refusal', async (t) => {
    const { authority } = await open(t)
    await fc.assert(
      fc.asyncProperty(anyText, anyText, anyAsked, fc.integer(), async (one, other, asked, number) => {
        const results = await Promise.allSettled([
          authority.findTenant(one),
          authority.findTenantIdByHostname(one),
          authority.listTenants({ search: one, limit: 1 }),
          authority.listTenants({ after: one, limit: 1 }),
          authority.listRestarts({ tenant: one, limit: 1 }),
          authority.changeTenant(one, { version: number, name: other }, asked),
          authority.addHostname(one, other, { ...asked, from: other }),
          authority.removeHostname(one, other, asked),
          authority.restart([one, other], asked),
          authority.deleteTenant(one, asked),
        ])
        for (const result of results)
          if (result.status === 'rejected' && !isRefusal(result.reason)) throw result.reason
      }),
      { numRuns: 100 },
    )
  })
})
