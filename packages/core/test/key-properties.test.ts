import fc from 'fast-check'
import t from 'tap'
import { hasCode } from '../src/errors.ts'
import { ALL, ALL_HOSTS, type TokenKey, tenantKey } from '../src/token.ts'

const RUNS = { seed: 2019, numRuns: 20_000 }

/** What keys are made of, what encodings make of each other, and what stores take for something else. */
const PARTS = [
  ...[
    'all',
    'all-hosts',
    'tenant:',
    'tenant%3A',
    'replica:',
    'tenantry:',
    '%',
    '%25',
    '%2F',
    '%2f',
    '/',
    ':',
  ],
  ...['a', 'A', 'é', 'e\u0301', 'ﬁ', 'fi', 'ß', 'ss', 'İ', 'i', '🎈', '\ud83c', '\udf88', '\u200d', '\ufeff'],
  ...['', ' ', '\0', '\r\n', '\t', '\x7f', '{', '}', '*', '?', '+', '~', "'", '!', '(', '-', '_', '.', '..'],
  ...['__proto__', 'x'.repeat(84), 'ü'.repeat(42)],
]

const id = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(fc.constantFrom(...PARTS), { maxLength: 4 }).map((parts) => parts.join('')),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  // Every code unit, so that half a character stands anywhere.
  {
    weight: 1,
    arbitrary: fc.array(fc.nat(0xffff), { maxLength: 6 }).map((units) => String.fromCharCode(...units)),
  },
)

/** Ways to write an id that somebody, somewhere, takes for the same. */
const RESPELLINGS: ((id: string) => string)[] = [
  (id) => id.toLowerCase(),
  (id) => id.toUpperCase(),
  (id) => id.normalize('NFC'),
  (id) => id.normalize('NFD'),
  (id) => id.normalize('NFKC'),
  (id) => id.trim(),
  (id) => id.toWellFormed(),
  (id) => encodeURIComponent(id.toWellFormed()),
  (id) => encodeURI(id.toWellFormed()),
  (id) => id.replaceAll('%2F', '/'),
  (id) => id.replaceAll('+', ' '),
  (id) => Buffer.from(id).toString('latin1'),
  (id) => (keyOf(id) ?? id) as string,
  (id) => `${id}\0`,
]

/** Null: it is refused as an id. */
function keyOf(id: string): TokenKey | null {
  try {
    return tenantKey(id)
  } catch (error) {
    check(hasCode(error, 'TENANTRY_ERR_TENANT_ID_INVALID'), `${error} is the refusal`)
    return null
  }
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`It does not hold that ${what}`)
}

t.test('G9: from a key its id can be read back, so that no two ids share one', async (t) => {
  let refused = 0
  const property = fc.property(id, (id) => {
    const key = keyOf(id)
    const isId = id !== '' && id.isWellFormed() && Buffer.byteLength(id) <= 255
    check((key !== null) === isId, 'an id is a well-formed string of 1 to 255 bytes, and nothing else is')
    if (key === null) {
      refused += 1
      return
    }
    check(decodeURIComponent(key.slice('tenant:'.length)) === id, 'the id can be read back')
    check(/^tenant:[\x21-\x7e]+$/.test(key), 'the key is printable ASCII without spaces')
    check(
      !/[:{}%]/.test(key.slice('tenant:'.length).replace(/%[\dA-F]{2}/g, '')),
      'and without colons or braces',
    )
    check(key !== ALL && key !== ALL_HOSTS, 'it is no key of another kind')
  })
  t.doesNotThrow(() => fc.assert(property, RUNS), `${RUNS.numRuns} ids`)
  t.ok(refused > RUNS.numRuns / 20 && refused < RUNS.numRuns / 2, `${refused} of them were refused`)
})

t.test('G9: what somebody may take for the same id has a key of its own', async (t) => {
  let apart = 0
  const property = fc.property(id, fc.constantFrom(...RESPELLINGS), (one, respell) => {
    const other = respell(one)
    const [first, second] = [keyOf(one), keyOf(other)]
    if (one === other || first === null || second === null) return
    apart += 1
    check(first !== second, 'two ids have two keys')
    // On a store that ends a key where another program would: at a prefix of it.
    check(!first.startsWith(`${second}:`) && !second.startsWith(`${first}:`), 'neither is below the other')
  })
  t.doesNotThrow(() => fc.assert(property, RUNS), `${RUNS.numRuns} pairs`)
  t.ok(apart > RUNS.numRuns / 5, `${apart} of them were two ids`)
})

t.test('half a character is refused wherever it stands', async (t) => {
  const wellFormed = fc.string({ unit: 'binary', maxLength: 20 })
  const lone = fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit))
  const property = fc.property(wellFormed, lone, wellFormed, (before, half, after) => {
    check(keyOf(before + half + after) === null, 'it is refused')
  })
  t.doesNotThrow(() => fc.assert(property, { seed: 2019, numRuns: 5000 }))
})
