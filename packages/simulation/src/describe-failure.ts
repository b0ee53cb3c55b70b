import type { Outcome } from './run-world.ts'
import type { Kind } from './simulation.ts'

/** What a failing seed has done wrong, how to see it again, and all that happened in it. */
export function describeFailure(
  { kind, seed, actions }: { readonly kind: Kind; readonly seed: number; readonly actions: number },
  { violations, history }: Outcome,
): string {
  return [
    ...history,
    '',
    ...violations.map(({ promised, text }) => `${promised} is broken: ${text}`),
    '',
    `Again: pnpm simulate --kind ${kind} --seed ${seed} --actions ${actions}`,
  ].join('\n')
}
