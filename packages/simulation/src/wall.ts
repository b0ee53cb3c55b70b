import type { MemoryTokenStore, Token, TokenAnswer, TokenKey } from '@tenantry/core'
import type { Core } from './modules.ts'
import type { Schedule } from './schedule.ts'
import type { Violate } from './violation.ts'

/** What a key has become, and when. Null: absent. */
export interface KeyChange {
  readonly moment: number
  readonly key: TokenKey
  readonly token: Token | null
}

/** The token store's server: the real store in memory, watched, and made to forget. */
export class Wall {
  readonly changes: KeyChange[] = []
  /** When it came back with an older state, and when that had been saved. */
  readonly #failovers: { readonly moment: number; readonly saved: number }[] = []
  readonly #core: Core
  readonly #schedule: Schedule
  readonly #violate: Violate
  readonly #sent = new Set<Token>()
  readonly #landings = new Map<Token, number>()
  #server: MemoryTokenStore
  #held = new Map<TokenKey, Token>()
  #saved: ReadonlyMap<TokenKey, Token> = new Map()
  #savedAt = 0

  constructor(core: Core, schedule: Schedule, violate: Violate) {
    this.#core = core
    this.#schedule = schedule
    this.#violate = violate
    this.#server = this.#newServer()
  }

  /** The tokens that are there. */
  get held(): ReadonlyMap<TokenKey, Token> {
    return this.#held
  }

  /** When a token came to be there. Undefined: never. */
  landingOf(token: Token | undefined): number | undefined {
    return token === undefined ? undefined : this.#landings.get(token)
  }

  /** Whether an older state had come back by then that was saved before a token came to be there. */
  hasLost(token: Token | undefined, by: number): boolean {
    const landing = this.landingOf(token)
    if (landing === undefined) return false
    return this.#failovers.some(({ moment, saved }) => saved < landing && landing < moment && moment < by)
  }

  /** Notes that somebody sends a value, which nobody may have sent before (R5). */
  send(token: Token): void {
    if (this.#sent.has(token)) this.#violate('R5', `${this.#name(token)} was sent twice`)
    this.#sent.add(token)
  }

  read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    return this.#server.read(keys)
  }

  async write(key: TokenKey, token: Token): Promise<void> {
    await this.#server.write(key, token)
    this.#hold(key, token)
  }

  /** Adds a token where there is none; resolves to whether it did. */
  async add(key: TokenKey, token: Token): Promise<boolean> {
    const before = this.#held.get(key)
    const winner = await this.#server.claim(key, () => token)
    const [after] = await this.#server.read([key])
    if (before !== undefined && after !== before) {
      this.#violate('G5', `a claim of ${key} replaced ${this.#name(before)}, which was there`)
    }
    if (before !== after) this.#hold(key, after as Token)
    return winner === token
  }

  touch(keys: readonly TokenKey[]): Promise<void> {
    return this.#server.touch(keys)
  }

  /** Whether a key has held a token at some time since then. */
  hasHeld(key: TokenKey, token: Token, since: number): boolean {
    const changes = this.changes.filter((change) => change.key === key)
    return changes.some((change, index) => {
      const until = changes[index + 1]?.moment ?? Number.POSITIVE_INFINITY
      return change.token === token && until > since
    })
  }

  /** As a snapshot is saved, or as far as a replica of the store has come. */
  save(): void {
    this.#saved = new Map(this.#held)
    this.#savedAt = this.#schedule.moment()
  }

  /** Becomes what it was when it was saved last. */
  async failOver(): Promise<void> {
    this.#failovers.push({ moment: this.#schedule.moment(), saved: this.#savedAt })
    await this.#become(this.#saved)
  }

  /** Loses these keys: all, if none are named. */
  async forget(keys: readonly TokenKey[] = [...this.#held.keys()]): Promise<void> {
    await this.#become(new Map([...this.#held].filter(([key]) => !keys.includes(key))))
  }

  async #become(held: ReadonlyMap<TokenKey, Token>): Promise<void> {
    this.#server = this.#newServer()
    const moment = this.#schedule.moment()
    for (const key of new Set([...this.#held.keys(), ...held.keys()])) {
      const token = held.get(key) ?? null
      if (token !== (this.#held.get(key) ?? null)) this.changes.push({ moment, key, token })
    }
    this.#held = new Map(held)
    for (const [key, token] of held) await this.#server.write(key, token)
  }

  #hold(key: TokenKey, token: Token): void {
    const moment = this.#schedule.moment()
    this.#held.set(key, token)
    this.changes.push({ moment, key, token })
    if (!this.#landings.has(token)) this.#landings.set(token, moment)
  }

  #newServer(): MemoryTokenStore {
    const none = (): never => {
      throw new Error('Expected the store in memory to look at the time, and to wait for nothing')
    }
    const now = (): number => this.#schedule.now
    const clock = { now, setTimeout: none, clearTimeout: none, setImmediate: none }
    return new this.#core.MemoryTokenStore({ clock, random: () => 0.5 })
  }

  #name(token: Token): string {
    return this.#schedule.history.name(token)
  }
}
