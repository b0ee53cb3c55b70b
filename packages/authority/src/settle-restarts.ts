import type { TokenAnswer, TokenStore } from '@tenantry/core'
import type { CommittedRestart } from './types.ts'
import { type Failure, isTokenOf, writeRestarts } from './write-restarts.ts'

export interface Settling {
  readonly tokens: TokenStore
  /** See `Authority.markWritten`. */
  markWritten(restarts: readonly CommittedRestart[]): Promise<readonly CommittedRestart[]>
  /** A restart was written, since the store held something else. */
  onRewritten?(restart: CommittedRestart, found: TokenAnswer): void
}

/**
 * Sees that the token store holds a token of each of these restarts, or of a later one of its key, and notes it.
 *
 * @param restarts in the order in which to write them; `isWritten`: it is noted already, with all earlier ones of its key
 * @returns what the token store failed with. What has been written until then is noted.
 * @throws what `markWritten` throws
 */
export async function settleRestarts(
  restarts: readonly (CommittedRestart & { readonly isWritten?: boolean })[],
  { tokens, markWritten, onRewritten }: Settling,
): Promise<Failure | undefined> {
  let due = restarts
  while (due.length > 0) {
    const found = await readTokens(tokens, due)
    if ('error' in found) return found
    const missing = due.filter((restart, index) => !isTokenOf(restart, found[index]))
    const { confirmed, failure } = await writeRestarts(tokens, missing)
    for (const restart of confirmed) onRewritten?.(restart, found[due.indexOf(restart)] as TokenAnswer)
    const there = due.filter((restart) => restart.isWritten !== true && !missing.includes(restart))
    // A restart that is committed from now on is written after what was written here. One that was committed before
    // may have been written before, too, and then it has just been replaced: those are next.
    due = await markWritten([...there, ...confirmed])
    if (failure !== undefined) return failure
  }
  return undefined
}

function readTokens(
  tokens: TokenStore,
  restarts: readonly CommittedRestart[],
): Promise<readonly TokenAnswer[] | Failure> {
  return tokens.read(restarts.map(({ key }) => key)).catch((error) => ({ error }))
}
