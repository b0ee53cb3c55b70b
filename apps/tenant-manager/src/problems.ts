import type { FastifySchemaValidationError } from 'fastify'
import type { Problem } from './api.ts'
import { ManagerError } from './error-reply.ts'

/** An error of Ajv, told in full (`verbose`): `data` is what was received. */
type SchemaError = FastifySchemaValidationError & {
  readonly data?: unknown
  readonly parentSchema?: { readonly description?: string }
}

/** How many are told: a body may have as many as it has values. */
const MAX_PROBLEMS = 50

/** What Ajv found wrong, in sentences that name what was expected and what was received. */
export function problemsOf(errors: readonly FastifySchemaValidationError[], prefix = ''): Problem[] {
  return errors
    .filter(({ schemaPath }) => !/\/(?:oneOf|anyOf)\/\d+\//.test(schemaPath))
    .slice(0, MAX_PROBLEMS)
    .map((error) => ({ path: `${prefix}${pathOf(error)}`, message: messageOf(error) }))
}

/** All of the problems that fit into a line. */
export function sentenceOf(what: string, problems: readonly Problem[]): string {
  const told = problems
    .slice(0, 3)
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  const more = problems.length > told.length ? ` (and ${problems.length - told.length} more)` : ''
  return `${what} is not valid: ${told.join('; ')}${more}`
}

/** A field that is missing, or should not be there, is the place itself, not the object that it is in. */
function pathOf({ keyword, instancePath, params }: SchemaError): string {
  if (keyword === 'required') return `${instancePath}/${pointerToken(params.missingProperty)}`
  if (keyword === 'additionalProperties') return `${instancePath}/${pointerToken(params.additionalProperty)}`
  return instancePath
}

function messageOf({ keyword, params, data, message, parentSchema }: SchemaError): string {
  switch (keyword) {
    case 'required':
      return 'expected a value, got nothing'
    case 'additionalProperties':
      return 'expected no such field'
    case 'type':
      return `expected ${typeName(params.type)}, got ${received(data)}`
    case 'const':
      return `expected ${JSON.stringify(params.allowedValue)}, got ${received(data)}`
    case 'enum':
      return `expected one of ${(params.allowedValues as unknown[]).map((value) => JSON.stringify(value)).join(', ')}, got ${received(data)}`
    case 'minLength':
      return `expected at least ${count(params.limit, 'character')}, got ${received(data)}`
    case 'maxLength':
      return `expected at most ${count(params.limit, 'character')}, got ${[...(data as string)].length}`
    case 'minItems':
      return `expected at least ${count(params.limit, 'item')}, got ${(data as unknown[]).length}`
    case 'maxItems':
      return `expected at most ${count(params.limit, 'item')}, got ${(data as unknown[]).length}`
    case 'minimum':
      return `expected at least ${params.limit}, got ${received(data)}`
    case 'maximum':
      return `expected at most ${params.limit}, got ${received(data)}`
    case 'pattern':
      return `expected text that matches ${params.pattern}, got ${received(data)}`
    case 'format':
      return `expected a ${params.format}, got ${received(data)}`
    case 'not':
      return `expected another value, got ${received(data)}`
    case 'oneOf':
    case 'anyOf':
      return `expected ${parentSchema?.description ?? 'one of the documented forms'}`
    default:
      return message ?? `does not satisfy \`${keyword}\``
  }
}

function typeName(type: unknown): string {
  if (Array.isArray(type)) return type.map(typeName).join(' or ')
  const name = String(type)
  if (name === 'null') return name
  return `${/^[aio]/.test(name) ? 'an' : 'a'} ${name}`
}

/** Never the whole of it, and nothing nested: that may be deep. */
function received(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

function count(limit: unknown, what: string): string {
  return `${limit} ${what}${limit === 1 ? '' : 's'}`
}

function pointerToken(name: unknown): string {
  return String(name).replaceAll('~', '~0').replaceAll('/', '~1')
}

/** Makes one refusal of all that is wrong with a part of a request. */
export function refuseRequest(errors: FastifySchemaValidationError[], part: string): ManagerError {
  const problems = problemsOf(errors)
  const name = { body: 'body', querystring: 'query', params: 'path', headers: 'head' }[part] ?? part
  return new ManagerError(400, 'MANAGER_ERR_REQUEST_INVALID', {
    message: sentenceOf(`The ${name} of the request`, problems),
    problems,
  })
}
