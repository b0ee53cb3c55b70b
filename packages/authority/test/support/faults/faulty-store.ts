import {
  MemoryTokenStore,
  type Token,
  type TokenAnswer,
  type TokenKey,
  type TokenStore,
} from '@tenantry/core'
import type { Schedule } from './schedule.ts'

/** A token of a restart: its id, the dot, random bits. */
const OF_RESTART = /^(\d+)\.[\w-]{22}$/

/** A token of a restart has come to be in the store. */
export interface Landing {
  readonly moment: number
  readonly key: TokenKey
  readonly token: Token
  readonly restart: number
}

/** A wall on which anything may go wrong that can go wrong on one, whenever the schedule says so. */
export class FaultyStore {
  /** Whether anything goes wrong. */
  isFaulty = false
  /** Values that were sent, and sent again. */
  readonly sentTwice: Token[] = []
  readonly landings: Landing[] = []
  /** When it forgot what it had acknowledged. */
  readonly forgotten: number[] = []
  readonly #schedule: Schedule
  readonly #sent = new Set<Token>()
  #memory = new MemoryTokenStore()
  #held = new Map<TokenKey, Token>()
  #before: ReadonlyMap<TokenKey, Token> = new Map()

  constructor(schedule: Schedule) {
    this.#schedule = schedule
  }

  get held(): ReadonlyMap<TokenKey, Token> {
    return this.#held
  }

  read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    return this.#memory.read(keys)
  }

  send(token: Token): Token {
    if (this.#sent.has(token)) this.sentTwice.push(token)
    this.#sent.add(token)
    return token
  }

  async land(key: TokenKey, token: Token): Promise<void> {
    await this.#memory.write(key, token)
    this.#held.set(key, token)
    const restart = OF_RESTART.exec(token)?.[1]
    if (restart !== undefined) {
      this.landings.push({ moment: this.#schedule.moment(), key, token, restart: Number(restart) })
    }
  }

  async claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    const token = await this.#memory.claim(key, () => this.send(newToken()))
    this.#held.set(key, token)
    return token
  }

  /** As a snapshot is saved, or as far as a replica of the store has come. */
  remember(): void {
    this.#before = new Map(this.#held)
  }

  /** Loses everything. */
  async flush(): Promise<void> {
    await this.#become(new Map())
  }

  /** Is what it was when it was to {@link remember}. */
  async failOver(): Promise<void> {
    await this.#become(this.#before)
  }

  async #become(held: ReadonlyMap<TokenKey, Token>): Promise<void> {
    this.#memory = new MemoryTokenStore()
    this.#held = new Map(held)
    for (const [key, token] of held) await this.#memory.write(key, token)
    this.forgotten.push(this.#schedule.moment())
  }
}

/** One process's way to the wall. */
export class FaultyConnection implements TokenStore {
  /** How many operations have failed, in whole or in part. */
  failures = 0
  readonly #store: FaultyStore
  readonly #schedule: Schedule
  readonly #mayDie: boolean

  /** @param mayDie whether its process may end before an operation does */
  constructor(store: FaultyStore, schedule: Schedule, mayDie: boolean = false) {
    this.#store = store
    this.#schedule = schedule
    this.#mayDie = mayDie
  }

  async read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    await this.#schedule.step()
    if (this.#happens(0.03)) throw this.#fail('The read was refused')
    const answers = await this.#store.read(keys)
    if (this.#happens(0.3)) await this.#schedule.step()
    if (this.#happens(0.03)) throw this.#fail('The answer was lost')
    const failing = this.#happens(0.03) ? this.#schedule.random.pick(keys) : undefined
    return answers.map((answer, index) => (keys[index] === failing ? this.#fail('No token') : answer))
  }

  async write(key: TokenKey, token: Token): Promise<void> {
    this.#store.send(token)
    await this.#schedule.step()
    if (this.#happens(0.08)) throw this.#fail('The write was refused')
    const land = (): Promise<void> => this.#store.land(key, token)
    if (this.#happens(0.08)) {
      void this.#schedule.begin(() => this.#schedule.step()).then(land)
      throw this.#fail('The write is still under way')
    }
    await land()
    if (this.#mayDie && this.#happens(0.05)) await new Promise(() => {})
    if (this.#happens(0.5)) await this.#schedule.step()
    if (this.#happens(0.08)) throw this.#fail('The answer was lost')
  }

  async claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    await this.#schedule.step()
    if (this.#happens(0.05)) throw this.#fail('The claim was refused')
    const token = await this.#store.claim(key, newToken)
    if (this.#happens(0.3)) await this.#schedule.step()
    if (this.#happens(0.05)) throw this.#fail('The answer was lost')
    return token
  }

  async touch(): Promise<void> {}

  #happens(probability: number): boolean {
    return this.#schedule.random.chance(probability) && this.#store.isFaulty
  }

  #fail(message: string): Error {
    this.failures += 1
    return new Error(message)
  }
}
