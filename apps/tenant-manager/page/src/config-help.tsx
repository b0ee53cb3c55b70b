import type { JSX } from 'preact'
import { configSchema, type Schema } from './config-schema.ts'

/** Deep enough for every hand-written schema; one that refers to itself ends here. */
const MAX_DEPTH = 4

/** What a configuration may hold, by the manager's schema. */
export function ConfigHelp(): JSX.Element | null {
  const schema = configSchema.value
  if (!schema) return null
  return (
    <details class="help">
      <summary>What may be in it</summary>
      {schema.description && <p>{text(schema.description)}</p>}
      <Properties schema={schema} depth={0} />
    </details>
  )
}

function Properties({ schema, depth }: { schema: Schema; depth: number }): JSX.Element | null {
  const properties = Object.entries(schema.properties ?? {})
  if (properties.length === 0 || depth > MAX_DEPTH) return null
  return (
    <dl>
      {properties.map(([name, property]) => (
        <div key={name}>
          <dt>
            <code>{name}</code> <span class="quiet">{kind(property, schema.required?.includes(name))}</span>
          </dt>
          <dd>
            {text(property.description ?? property.title)}
            <Properties schema={property.items ?? property} depth={depth + 1} />
          </dd>
        </div>
      ))}
    </dl>
  )
}

function kind({ type, items }: Schema, required = false): string {
  const words = [items?.type ? `list of ${items.type}s` : text(type), required ? 'required' : '']
  return words.filter((word) => word !== '').join(', ')
}

/** A schema is somebody's file: where a text should be, there may be anything. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
