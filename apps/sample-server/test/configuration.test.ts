import { readFile } from 'node:fs/promises'
import Fastify from 'fastify'
import t from 'tap'
import { CONFIG_SCHEMA } from '../src/config-schema.ts'
import { SAMPLE_TENANTS_FILE, TenantsFile, TenantsFileError } from '../src/tenants-file.ts'
import { tenantsFixture } from './support/tenants-fixture.ts'

t.test('the tenants file', async (t) => {
  const acme = { name: 'Acme', hostnames: ['acme.localhost'] }
  const fixture = tenantsFixture(t.testdir(), { acme })
  const tenants = new TenantsFile(fixture.path)

  t.test('is read anew for every question', async (t) => {
    t.match(await tenants.load('acme'), { id: 'acme', name: 'Acme' })
    t.equal(await tenants.lookup('acme.localhost'), 'acme')
    fixture.write({ acme: { name: 'Acme Ltd', hostnames: ['acme.example'] } })
    t.match(await tenants.load('acme'), { id: 'acme', name: 'Acme Ltd' })
    t.equal(await tenants.lookup('acme.localhost'), undefined)
    t.equal(await tenants.lookup('acme.example'), 'acme')
    t.same(
      (await tenants.all()).map(({ id }) => id),
      ['acme'],
    )
  })

  t.test('knows no tenant that it does not name', async (t) => {
    fixture.write({ acme })
    for (const id of ['globex', 'constructor', '__proto__', 'toString', '']) {
      t.equal(await tenants.load(id), undefined, `load ${id}`)
      t.equal(await tenants.lookup(id), undefined, `lookup ${id}`)
    }
  })

  t.test('keeps host names in canonical form, and fields that nobody here knows', async (t) => {
    fixture.write({ acme: { ...acme, hostnames: ['ACME.localhost.', 'bücher.example'], plan: { seats: 3 } } })
    t.strictSame(await tenants.load('acme'), {
      id: 'acme',
      name: 'Acme',
      hostnames: ['acme.localhost', 'xn--bcher-kva.example'],
      plan: { seats: 3 },
    })
    t.equal(await tenants.lookup('xn--bcher-kva.example'), 'acme')
  })

  t.test('gives up when the build that asks has given up', async (t) => {
    fixture.write({ acme })
    const signal = AbortSignal.abort(new Error('too late'))
    await t.rejects(tenants.load('acme', { signal }), { name: 'AbortError' })
    await t.rejects(tenants.lookup('acme.localhost', { signal }), { name: 'AbortError' })
  })

  t.test('says what is wrong with it, and where', async (t) => {
    const problems: [contents: string | Record<string, unknown>, message: RegExp][] = [
      ['{"tenants": {', /JSON/],
      ['[]', /the file: expected an object, got \[\]/],
      ['{}', /tenants: expected an object, got nothing/],
      [{ '': acme }, /tenant id/],
      [{ acme: null }, /tenants\.acme: expected an object, got null/],
      [{ acme: { ...acme, id: 'globex' } }, /tenants\.acme\.id: expected "acme" or nothing, got "globex"/],
      [{ acme: { ...acme, name: ' ' } }, /tenants\.acme\.name: expected a text that is not empty, got " "/],
      [{ acme: { name: 'Acme' } }, /tenants\.acme\.hostnames: expected an array, got nothing/],
      [
        { acme: { ...acme, hostnames: [] } },
        /tenants\.acme\.hostnames: expected at least one host name, got \[\]/,
      ],
      [{ acme: { ...acme, hostnames: ['a', 7] } }, /tenants\.acme\.hostnames\[1\]: expected a text .* got 7/],
      [
        { acme: { ...acme, hostnames: ['a b'] } },
        /tenants\.acme\.hostnames\[0\]: expected a host name .* got "a b"/,
      ],
      [{ acme: { ...acme, hostnames: ['a:80'] } }, /expected a host name without port, got "a:80"/],
      [{ acme: { ...acme, tagline: 7 } }, /tenants\.acme\.tagline: expected a text/],
      [{ acme: { ...acme, logo: '' } }, /tenants\.acme\.logo: expected a text/],
      [{ acme: { ...acme, theme: 'red' } }, /tenants\.acme\.theme: expected an object, got "red"/],
      [
        { acme: { ...acme, theme: {} } },
        /tenants\.acme\.theme\.accent: expected a colour, #rrggbb, got nothing/,
      ],
      [
        { acme: { ...acme, theme: { accent: '#fff;}' } } },
        /theme\.accent: expected a colour, #rrggbb, got "#fff;}"/,
      ],
      [
        { acme: { ...acme, theme: { accent: '#ffffff', second: 'red' } } },
        /theme\.second: expected a colour/,
      ],
      [{ acme: { ...acme, products: {} } }, /tenants\.acme\.products: expected an array, got {}/],
      [
        { acme: { ...acme, products: [{ name: 'A' }, {}] } },
        /tenants\.acme\.products\[1\]\.name: expected a text/,
      ],
      [
        { acme: { ...acme, products: [{ name: 'A', price: 7 }] } },
        /products\[0\]\.price: expected a text .* got 7/,
      ],
      [
        { acme, globex: { name: 'Globex', hostnames: ['ACME.localhost'] } },
        /tenants\.globex\.hostnames: acme\.localhost is a host name of acme already/,
      ],
      [{ acme: { ...acme, hostnames: ['a.b', 'A.B.'] } }, /a\.b is a host name of acme already/],
    ]
    for (const [contents, message] of problems) {
      fixture.write(contents)
      const error = await tenants.load('acme').catch((error) => error)
      t.ok(error instanceof TenantsFileError, `${message}`)
      t.match(error.message, message)
      t.ok(error.message.includes(fixture.path), 'it names the file')
    }
    await t.rejects(new TenantsFile(`${fixture.path}.none`).all(), {
      message: /tenants\.json\.none.* ENOENT/,
    })
  })

  t.test(
    'of the sample has at least four tenants, one with two names, one with an internationalised one',
    async (t) => {
      const sample = await new TenantsFile(SAMPLE_TENANTS_FILE).all()
      t.ok(sample.length >= 4)
      t.ok(sample.some(({ hostnames }) => hostnames.length > 1))
      t.ok(sample.some(({ hostnames }) => hostnames.some((hostname) => hostname.startsWith('xn--'))))
      for (const { id, hostnames } of sample.slice(0, 4)) t.equal(hostnames[0], `${id}.localhost`)
    },
  )
})

t.test('the schema of a configuration', async (t) => {
  t.test('is told by config.schema.json, too', async (t) => {
    const file = await readFile(new URL('../config.schema.json', import.meta.url), 'utf8')
    t.strictSame(JSON.parse(file), JSON.parse(JSON.stringify(CONFIG_SCHEMA)))
  })

  t.test('is one that other validators take', async (t) => {
    const validate = await compileByFastify(CONFIG_SCHEMA)
    for (const { id, name, hostnames, ...config } of await new TenantsFile(SAMPLE_TENANTS_FILE).all()) {
      t.ok(await validate(config), id)
    }
    t.notOk(await validate({ theme: { accent: 'red' } }))
    t.notOk(await validate({ products: [{ name: ' ' }] }))
  })
})

/** Fastify validates bodies by Ajv. */
async function compileByFastify(schema: object): Promise<(config: object) => Promise<boolean>> {
  const app = Fastify()
  app.post('/', { schema: { body: schema } }, async () => 'valid')
  return async (config) => {
    const { statusCode } = await app.inject({ method: 'POST', url: '/', body: config })
    return statusCode === 200
  }
}
