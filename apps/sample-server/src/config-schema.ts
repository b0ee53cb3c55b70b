import Type, { type TSchema } from 'typebox'
import { Errors } from 'typebox/value'
import { TenantInvalidError } from './tenant-invalid-error.ts'

const TEXT = '\\S'
const COLOUR = '^#[0-9a-fA-F]{6}$'

/**
 * What the page makes of a tenant's configuration, as JSON Schema: what it writes into CSS or takes apart is checked,
 * and whatever else is in a configuration is kept. `config.schema.json` is the same, for those who are given a file.
 */
export const CONFIG_SCHEMA: TSchema = Type.Object(
  {
    tagline: Type.Optional(text('Tagline', 'The headline of the page.')),
    logo: Type.Optional(
      text(
        'Logo',
        'What stands for the tenant: an emoji, a letter or two. By default the first letter of its name.',
      ),
    ),
    theme: Type.Optional(
      Type.Object(
        {
          accent: colour('Accent', 'The colour of the page, as #rrggbb.'),
          second: Type.Optional(
            colour('Second', 'Where the gradient that starts with the accent ends, as #rrggbb.'),
          ),
        },
        { title: 'Theme', description: 'The colours of the page.' },
      ),
    ),
    products: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: text('Name', 'What it is called.'),
            text: Type.Optional(text('Text', 'What there is to say about it.')),
            price: Type.Optional(text('Price', 'What it costs, with its currency.')),
          },
          { title: 'Product' },
        ),
        { title: 'Products', description: 'What the page shows, each on a card.' },
      ),
    ),
  },
  {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A tenant of the sample server',
    description: 'The configuration of one tenant. Further fields are kept, and are in /whoami.',
  },
)

function text(title: string, description: string) {
  return Type.String({ pattern: TEXT, title, description })
}

function colour(title: string, description: string) {
  return Type.String({ pattern: COLOUR, title, description })
}

/**
 * Checks a configuration against {@link CONFIG_SCHEMA}.
 *
 * @param path where the configuration is: what the message begins with
 * @throws TenantInvalidError for the first thing that is wrong
 */
export function checkConfig(config: unknown, path: string): void {
  const [error] = Errors(CONFIG_SCHEMA, config)
  if (error === undefined) return
  const missing = error.keyword === 'required' ? error.params.requiredProperties[0] : undefined
  const instancePath = missing === undefined ? error.instancePath : `${error.instancePath}/${missing}`
  const schemaPath = missing === undefined ? error.schemaPath : `${error.schemaPath}/properties/${missing}`
  throw new TenantInvalidError(path + spell(instancePath), {
    expected: describe(follow(CONFIG_SCHEMA, schemaPath) as { type?: unknown; pattern?: unknown }),
    received: follow(config, instancePath),
  })
}

/** What a JSON pointer leads to; undefined: nothing. No name in the schema has a character that is escaped in one. */
function follow(root: unknown, pointer: string): unknown {
  const names = pointer.split('/').slice(1)
  return names.reduce((value, name) => (value as Readonly<Record<string, unknown>>)[name], root)
}

/** A JSON pointer as one would write it: `.products[1].name`. */
function spell(pointer: string): string {
  return pointer.replace(/\/(\d+)/g, '[$1]').replaceAll('/', '.')
}

function describe({ type, pattern }: { type?: unknown; pattern?: unknown }): string {
  if (type === 'object') return 'an object'
  if (type === 'array') return 'an array'
  return pattern === COLOUR ? 'a colour, #rrggbb' : 'a text that is not empty'
}
