import { show } from './show.ts'

/** One variable of the environment. Unset and empty are the same: the fallback holds. */
export interface Variable<Value> {
  /** What a value must be, as the error message says it after "expected". */
  readonly expected: string
  readonly fallback: Value
  /** Turns what was set into a value. Undefined: it is not what was expected. */
  parse(text: string): Value | undefined
}

/** The message names every variable that is wrong, what was received and what was expected. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError'
}

/**
 * Reads the environment, all of it before anything else is done.
 *
 * By hand, since there are a handful of variables: a JSON schema would not be shorter, and its messages would
 * not name what was received.
 *
 * @throws EnvironmentError
 */
export function readEnvironment<Values extends object>(
  environment: Readonly<Record<string, string | undefined>>,
  variables: { readonly [Name in keyof Values]: Variable<Values[Name]> },
): Values {
  const problems: string[] = []
  const values: Partial<Values> = {}
  for (const name of Object.keys(variables) as (keyof Values & string)[]) {
    const { expected, fallback, parse } = variables[name]
    const text = environment[name] ?? ''
    const value = text === '' ? fallback : parse(text)
    if (value === undefined && text !== '') {
      problems.push(`  ${name}: expected ${expected}, got ${show(withoutPassword(text))}`)
    } else {
      values[name] = value as Values[typeof name]
    }
  }
  if (problems.length > 0) {
    throw new EnvironmentError(`The environment is not valid.\n${problems.join('\n')}`)
  }
  return values as Values
}

/** Messages go to logs; a URL that is wrong may still hold the right password. */
function withoutPassword(text: string): string {
  return text.replace(/^([a-z][a-z\d+.-]*:\/\/).*$/is, '$1…').replace(/^.*@/s, '…@')
}

export function text(expected: string, pattern: RegExp, fallback: string): Variable<string> {
  return { expected, fallback, parse: (text) => (pattern.test(text) ? text : undefined) }
}

/** `HOST`, the address to listen on; by default that of this machine alone. */
export const host: Variable<string> = text('a host name or an IP address', /^[\w.:-]+$/, '127.0.0.1')

export function port(fallback: number): Variable<number> {
  return {
    expected: 'a port, 0 to 65535 (0: any that is free)',
    fallback,
    parse: (text) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined),
  }
}

function oneOf<Value extends string>(values: readonly Value[], fallback: Value): Variable<Value> {
  return {
    expected: `one of ${values.join(', ')}`,
    fallback,
    parse: (text) => values.find((value) => value === text),
  }
}

/** `REDIS_URL`; undefined: tokens are kept in memory. */
export const redisUrl: Variable<string | undefined> = {
  expected: 'a URL such as redis://127.0.0.1:6379 or rediss://…',
  fallback: undefined,
  parse: (text) => (/^rediss?:\/\/./.test(text) && URL.canParse(text) ? text : undefined),
}

/** `LOG_LEVEL`, one of pino's. */
export function logLevel(fallback: LogLevel): Variable<LogLevel> {
  return oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], fallback)
}

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

/** `DATABASE_URL`; undefined: there is no Postgres. */
export const databaseUrl: Variable<string | undefined> = {
  expected: 'a URL such as postgres://user@127.0.0.1:5432/tenantry',
  fallback: undefined,
  parse: (text) => (/^postgres(ql)?:\/\/./.test(text) && URL.canParse(text) ? text : undefined),
}
