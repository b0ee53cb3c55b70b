import { describeConvergence } from './convergence.ts'
import { EXIT, type ExitStatus } from './exit-status.ts'
import { complaintsOf, exitStatusOf, type Look } from './look.ts'
import { complain, say } from './output.ts'

/**
 * Says what was seen last, of those tenants that are not there yet, and what is wrong.
 *
 * @param options.silent the output is a document: only what is wrong is said
 * @returns what to end with
 */
export function conclude(looks: readonly Look[], { silent }: { silent: boolean }): ExitStatus {
  for (const look of looks) {
    if (silent || look.converged === null) continue
    if (exitStatusOf([look]) !== EXIT.done) say(describeConvergence(look))
  }
  for (const complaint of complaintsOf(looks)) complain(complaint)
  return exitStatusOf(looks)
}
