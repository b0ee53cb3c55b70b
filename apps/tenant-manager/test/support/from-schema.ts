import fc, { type Arbitrary } from 'fast-check'

/** As much of JSON Schema as the API's document uses. */
export interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly maxItems?: number
  readonly minItems?: number
  readonly pattern?: string
}

/** Text that is hard on parsers, databases and pages. */
const NASTY = [
  '',
  ' ',
  '\u0000',
  '\ud800',
  '__proto__',
  'constructor',
  "'; drop table tenants; --",
  '<script>alert(1)</script>',
  '../../etc/passwd',
  '%00',
  '%',
  '_',
  'é'.repeat(200),
  '🦆'.repeat(100),
  'a.localhost',
  'xn--',
  'ACME.Example.',
  '127.0.0.1',
  '\u2028',
  '{"a":1}',
  'x'.repeat(300),
]

const text = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom(...NASTY) },
)

/** What a host name is, a schema cannot tell. */
const hostname = fc.oneof(text, fc.domain(), fc.constantFrom('a.localhost', 'ACME.Example.'))

/** Values that a schema lets through, for the most part. */
export function valid(schema: Schema): Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(valid))
  switch (schema.type) {
    case 'object':
      return object(schema)
    case 'array':
      return fc.array(valid(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: 4 })
    case 'integer':
      return fc.oneof(fc.constant(schema.minimum ?? 1), fc.integer({ min: schema.minimum ?? -10, max: 20 }))
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'string':
      return string(schema)
    default:
      return fc.jsonValue()
  }
}

function string({ minLength = 0, maxLength = 40, pattern }: Schema): Arbitrary<string> {
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern))
  return text.filter((value) => [...value].length >= minLength && [...value].length <= maxLength)
}

function object({ properties = {}, required = [], additionalProperties, oneOf }: Schema): Arbitrary<unknown> {
  if (Object.keys(properties).length === 0 && additionalProperties !== false) {
    return fc.dictionary(text, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
  }
  // Of either of two fields, either is required.
  if (oneOf !== undefined) {
    return fc.oneof(
      ...oneOf.map((each) => {
        const others = oneOf.filter((other) => other !== each).flatMap((other) => other.required ?? [])
        const kept = Object.entries(properties).filter(([name]) => !others.includes(name))
        return object({
          properties: Object.fromEntries(kept),
          required: each.required ?? [],
          additionalProperties: false,
        })
      }),
    )
  }
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [
      name,
      name === 'hostname' ? hostname : valid(schema),
    ]),
  )
  return fc.record(fields, { requiredKeys: [...required] })
}

/** Values that a schema may refuse: good ones with something wrong somewhere, and whatever JSON there is. */
export function broken(schema: Schema): Arbitrary<unknown> {
  const strangeField = fc
    .tuple(valid(schema), fc.constantFrom(...Object.keys(schema.properties ?? {}), 'more'), fc.jsonValue())
    .map(([value, name, strange]) => ({ ...(value as object), [name]: strange }))
  const missingField = fc
    .tuple(valid(schema), fc.constantFrom(...Object.keys(schema.properties ?? {}), 'more'))
    .map(([value, name]) => {
      const { [name]: _missing, ...rest } = value as Record<string, unknown>
      return rest
    })
  return fc.oneof(strangeField, missingField, fc.jsonValue())
}
