import type { FastifyInstance, FastifySchemaValidationError } from 'fastify'
import type { Problem } from './api.ts'
import { ManagerError } from './error-reply.ts'
import { problemsOf, sentenceOf } from './problems.ts'
import { isTimeUp, runWithin } from './time-limit.ts'

/** What the authority takes. A schema that refers to itself must not be led deeper: its check is recursive. */
const MAX_DEPTH = 64

/**
 * How long a check may take: nothing else is done meanwhile. A pattern that looks harmless may take years over one line
 * of text, and `uniqueItems` compares each item with each other.
 */
const MAX_CHECK_MS = 1000

type Validate = ((value: unknown) => boolean) & { errors?: FastifySchemaValidationError[] | null }

/** The JSON Schema that configurations are checked against; without one, any will do. */
export class ConfigSchema {
  /** Null: there is none. */
  readonly schema: object | null
  #validate: Validate | undefined

  constructor(schema: object | undefined) {
    this.schema = schema ?? null
  }

  /**
   * Compiles the schema by what an app's routes are compiled by; not before it is ready.
   *
   * @throws when it is not a valid schema, or has keywords or formats that are not known: they would be ignored
   */
  compile(app: FastifyInstance): void {
    if (this.schema === null) return
    // The dialect is not looked up anywhere: what it has beyond the known keywords is refused by name.
    const { $schema: _dialect, ...schema } = this.schema as Record<string, unknown>
    // Its answer would be a promise, and so never false.
    if ('$async' in schema) throw new ConfigSchemaError('not a valid JSON Schema: unknown keyword: "$async"')
    try {
      const compile = app.validatorCompiler as NonNullable<typeof app.validatorCompiler>
      this.#validate = compile({
        schema,
        method: 'POST',
        url: '/api/config-check',
        httpPart: 'body',
      }) as Validate
    } catch (cause) {
      throw new ConfigSchemaError(`not a valid JSON Schema: ${(cause as Error).message}`, { cause })
    }
  }

  /** What is wrong with a configuration; places begin with `/config`. */
  problemsOf(config: object): Problem[] {
    if (isDeeperThan(MAX_DEPTH, config)) {
      return [{ path: '/config', message: `expected values nested at most ${MAX_DEPTH} deep` }]
    }
    const validate = this.#validate
    if (validate === undefined) return []
    try {
      return runWithin(MAX_CHECK_MS, () =>
        validate(config) ? [] : problemsOf(validate.errors ?? [], '/config'),
      )
    } catch (error) {
      if (!isTimeUp(error)) throw error
      return [{ path: '/config', message: `expected values that are checked within ${MAX_CHECK_MS} ms` }]
    } finally {
      // A million errors are not kept until the next check.
      validate.errors = null
    }
  }

  /** @throws MANAGER_ERR_CONFIG_INVALID */
  check(config: object | undefined): void {
    const problems = config === undefined ? [] : this.problemsOf(config)
    if (problems.length === 0) return
    throw new ManagerError(400, 'MANAGER_ERR_CONFIG_INVALID', {
      message: sentenceOf('The configuration', problems),
      problems,
    })
  }
}

export class ConfigSchemaError extends Error {
  override readonly name = 'ConfigSchemaError'
}

/** Level by level, not recursively: whoever sends a million brackets gets an answer, too. */
function isDeeperThan(depth: number, value: object): boolean {
  let level = [value]
  for (let at = 0; level.length > 0; at += 1) {
    if (at === depth) return true
    const below: object[] = []
    for (const node of level) {
      for (const child of Object.values(node))
        if (typeof child === 'object' && child !== null) below.push(child)
    }
    level = below
  }
  return false
}
