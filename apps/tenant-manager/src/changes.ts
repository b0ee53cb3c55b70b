import type { Asked, Committed, RestartWriter } from '@tenantry/authority'
import { type Token, type TokenKey, tenantKey } from '@tenantry/core'
import type { FastifyBaseLogger } from 'fastify'
import { CommitQueue } from './commit-queue.ts'

/** What became of a change and its restarts. */
export interface Done<Result> {
  readonly result: Result
  /** Whether the store has all of them. */
  readonly written: boolean
  readonly tokens: ReadonlyMap<TokenKey, Token>
}

/** How many token keys a line of the log names. */
const MAX_KEYS_IN_LOG = 20

/**
 * What every change goes through: first it is committed, with its restarts (R2, and so that none is lost); then they
 * are written to the store. If that fails, the reconciler writes them later.
 */
export class Changes {
  readonly #writer: RestartWriter
  readonly #onChange: () => void
  readonly #queue = new CommitQueue()

  /** @param onChange called after every one */
  constructor(writer: RestartWriter, onChange: () => void) {
    this.#writer = writer
    this.#onChange = onChange
  }

  async write<Result>(
    commit: () => Promise<Committed<Result>>,
    { by, reason }: Asked,
    log: FastifyBaseLogger,
  ): Promise<Done<Result>> {
    const { result, restarts } = await this.#queue.run(commit)
    const { written, tokens } = await this.#writer.write(restarts)
    const keys = restarts.slice(0, MAX_KEYS_IN_LOG).map(({ key }) => key)
    const line = { by, reason, keys, ...(restarts.length > keys.length && { of: restarts.length }) }
    if (written) log.info(line, 'restarted')
    else log.warn(line, 'restarted: committed, and not yet written')
    this.#onChange()
    return { result, written, tokens }
  }
}

/** The outcome for one tenant, as replies tell it. */
export function outcomeOf(
  id: string,
  { written, tokens }: Done<unknown>,
): { token: Token; written: boolean } {
  return { token: tokenOf(tenantKey(id), tokens), written }
}

export function tokenOf(key: TokenKey, tokens: ReadonlyMap<TokenKey, Token>): Token {
  const token = tokens.get(key)
  if (token === undefined) throw new Error(`No restart of ${key} was committed`)
  return token
}
