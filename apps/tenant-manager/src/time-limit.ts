import { createContext, Script } from 'node:vm'

// Not for safety: a script is the one thing that Node can stop from outside while it runs.
const SCRIPT = new Script('run()')
const context = createContext({ run: undefined })

/**
 * Runs a function, and ends it where it is once its time is up; also within a regular expression.
 *
 * @throws what {@link isTimeUp} tells from what the function throws
 */
export function runWithin<Result>(ms: number, run: () => Result): Result {
  context.run = run
  return SCRIPT.runInContext(context, { timeout: ms })
}

export function isTimeUp(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
}
