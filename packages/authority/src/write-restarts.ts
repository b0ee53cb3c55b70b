import { ALL_HOSTS, newToken, type Token, type TokenKey, type TokenStore } from '@tenantry/core'
import type { CommittedRestart } from './types.ts'

/** What the token store rejected with. */
export interface Failure {
  readonly error: unknown
}

export interface Attempt {
  /** What was written, or attempted, or would have been next. No value is used again. */
  readonly tokens: ReadonlyMap<TokenKey, Token>
  /** Those that the store has confirmed. */
  readonly confirmed: readonly CommittedRestart[]
  /** What the first of the others met with; undefined: there are no others. */
  readonly failure: Failure | undefined
}

/**
 * Writes restarts to the token store, each as `<restart id>.<new token>`: another value each time.
 *
 * Where the set of hosts is amongst them, their order counts: a host's new owner learns of it, then the old one lets
 * go of it, and only then is it looked up anew. So they are written one after the other, up to the first that fails.
 * Others are written all at once: a store sends what is asked for at once in one go.
 */
export async function writeRestarts(
  store: TokenStore,
  restarts: readonly CommittedRestart[],
): Promise<Attempt> {
  const tokens = new Map(restarts.map(({ id, key }) => [key, `${id}.${newToken()}`]))
  const write = async (key: TokenKey): Promise<void> => store.write(key, tokens.get(key) as Token)
  if (!restarts.some(({ key }) => key === ALL_HOSTS)) {
    const results = await Promise.allSettled(restarts.map(({ key }) => write(key)))
    const confirmed = restarts.filter((_, index) => results[index]?.status === 'fulfilled')
    const rejected = results.find((result) => result.status === 'rejected')
    return { tokens, confirmed, failure: rejected === undefined ? undefined : { error: rejected.reason } }
  }

  const confirmed: CommittedRestart[] = []
  for (const restart of restarts) {
    try {
      await write(restart.key)
    } catch (error) {
      return { tokens, confirmed, failure: { error } }
    }
    confirmed.push(restart)
  }
  return { tokens, confirmed, failure: undefined }
}

/** Whether a store's answer is a token that was written for this restart. */
export function isTokenOf({ id }: CommittedRestart, answer: unknown): boolean {
  // With the dot: 12 is another restart than 1.
  return typeof answer === 'string' && answer.startsWith(`${id}.`)
}
