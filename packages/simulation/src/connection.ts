import type { Token, TokenAnswer, TokenKey, TokenStore } from '@tenantry/core'
import type { Process } from './process.ts'
import type { Wall } from './wall.ts'
import type { World } from './world.ts'

/** What a process has asked the token store, and what it was told. */
export interface Operation {
  readonly kind: 'read' | 'claim' | 'touch' | 'write'
  readonly keys: readonly TokenKey[]
  /** When it was asked for. */
  readonly sent: number
  /** The same, in milliseconds. */
  readonly sentAt: number
  /** When the process was told. Undefined: not yet. */
  told?: number
  /** When the store looked at each key. */
  readonly landed: Map<TokenKey, number>
  /** What the process was told, by key. A key without an answer has failed. */
  readonly answers: Map<TokenKey, Token | null>
}

/** Something asked of the store was not answered in full, or not at all. */
export interface Trouble {
  readonly moment: number
  /** Whose answer is missing. Undefined: the store was lost or found again, which ends waits for anything. */
  readonly keys: readonly TokenKey[] | undefined
}

/** What is asked of the store. */
interface Question {
  /** What the history says. */
  readonly what: string
  readonly keys: readonly TokenKey[]
  /** Where it is recorded. Undefined: it is part of one that is. */
  readonly operation: Operation | undefined
}

/** How the way to the store is: it lets everything through, refuses everything at once, or nothing comes back. */
export type Way = 'open' | 'refusing' | 'silent'

/** A process's way to the wall, on which everything may go wrong that can go wrong on one. */
export class Connection implements TokenStore {
  way: Way = 'open'
  readonly operations: Operation[] = []
  readonly troubles: Trouble[] = []
  readonly #world: World
  readonly #process: Process
  readonly #wall: Wall

  constructor(world: World, process: Process) {
    this.#world = world
    this.#process = process
    this.#wall = world.wall
  }

  read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    return this.#read(keys, this.#operation('read', keys))
  }

  write(key: TokenKey, token: Token): Promise<void> {
    const keys = [key]
    const operation = this.#operation('write', keys)
    this.#wall.send(token)
    const what = `write ${key}: ${this.#name(token)}`
    return this.#perform({ what, keys, operation }, () => this.#wall.write(key, token))
  }

  async claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    const operation = this.#operation('claim', [key])
    const { claimToken } = this.#world.modules.core
    const token = await claimToken(key, newToken, {
      add: (key, token) => {
        this.#wall.send(token)
        const what = `add ${key}: ${this.#name(token)}`
        return this.#perform({ what, keys: [key], operation: undefined }, () => this.#wall.add(key, token))
      },
      read: async (key) => (await this.#read([key], undefined))[0] as TokenAnswer,
    })
    if (!this.#wall.hasHeld(key, token, operation.sent)) {
      this.#world.violate(
        'G5',
        `${this.#process.name} claimed ${key} with ${this.#name(token)}, which was never there`,
      )
    }
    operation.answers.set(key, token)
    operation.told = this.#world.schedule.moment()
    return token
  }

  touch(keys: readonly TokenKey[]): Promise<void> {
    const operation = this.#operation('touch', keys)
    return this.#perform({ what: `touch ${keys}`, keys, operation }, () => this.#wall.touch(keys))
  }

  /** @param keys those without an answer; none: whichever are waited for */
  noteTrouble(keys?: readonly TokenKey[]): void {
    this.troubles.push({ moment: this.#world.schedule.moment(), keys })
  }

  async #read(keys: readonly TokenKey[], operation: Operation | undefined): Promise<readonly TokenAnswer[]> {
    const { random } = this.#world
    const answers = new Map<TokenKey, TokenAnswer>()
    const failing = this.#world.mayFail() ? random.pick(keys) : undefined
    const lookAt = async (some: readonly TokenKey[]): Promise<void> => {
      const found = await this.#wall.read(some)
      const moment = this.#world.schedule.moment()
      for (const [index, key] of some.entries()) {
        answers.set(key, found[index] as TokenAnswer)
        operation?.landed.set(key, moment)
      }
      if (failing !== undefined) answers.set(failing, new Error('No token is there'))
    }
    const toAnswer = (): readonly TokenAnswer[] => keys.map((key) => answers.get(key) as TokenAnswer)
    // No snapshot across keys is promised: some may be looked at later.
    const split = keys.length > 1 && random.chance(0.3) ? 1 + random.below(keys.length - 1) : keys.length
    const [now, later] = random.chance(0.5)
      ? [keys.slice(0, split), keys.slice(split)]
      : [keys.slice(-split), keys.slice(0, -split)]
    return await this.#perform({ what: `read ${keys}`, keys, operation }, async (again) => {
      await lookAt(now)
      if (later.length === 0) return toAnswer()
      return again(`read ${later}`, async () => {
        await lookAt(later)
        return toAnswer()
      })
    })
  }

  /**
   * Sends something to the store, where it is carried out in a step of its own; the process is told in another.
   *
   * @param carryOut may put off what is left of it: `again` makes that a step of its own, too
   */
  #perform<T>(
    { what, keys, operation }: Question,
    carryOut: (again: (label: string, rest: () => Promise<T>) => Again<T>) => Promise<T | Again<T>>,
  ): Promise<T> {
    const { schedule, random } = this.#world
    const process = this.#process
    return new Promise<T>((resolve, reject) => {
      const tell = (label: string, run: () => void): void => {
        schedule.later({
          label: `${process.name} ← ${label}`,
          to: process,
          isHeld: () => this.way === 'silent',
          run: () => {
            if (operation !== undefined) operation.told = schedule.moment()
            run()
          },
        })
      }
      const refuse = (label: string): void => {
        tell(`${what}: ${label}`, () => {
          this.noteTrouble(keys)
          reject(new Error(label))
        })
      }
      const answer = (result: T): void => {
        tell(`${what}${this.#describe(result)}`, () => {
          this.#take({ what, keys, operation }, result)
          resolve(result)
        })
      }
      const land = (label: string, run: () => Promise<T | Again<T>>): void => {
        schedule.later({
          label: `store: ${process.name} ${label}`,
          from: process,
          run: async () => {
            const result = await run()
            if (result instanceof Again) land(result.label, result.rest)
            else if (!this.#world.mayFail()) answer(result)
            else if (random.chance(0.5)) refuse('the answer was lost')
            else this.#world.atPeace(() => refuse('no answer came'))
          },
        })
      }
      if (this.way === 'refusing' || this.#world.mayFail()) return refuse('refused')
      if (this.way === 'silent' && random.chance(0.5))
        return this.#world.atPeace(() => refuse('never arrived'))
      land(what, () => carryOut((label, rest) => new Again(label, rest)))
    })
  }

  #operation(kind: Operation['kind'], keys: readonly TokenKey[]): Operation {
    const { schedule } = this.#world
    const [sent, sentAt] = [schedule.moment(), schedule.now]
    const operation = { kind, keys, sent, sentAt, landed: new Map(), answers: new Map() }
    this.operations.push(operation)
    return operation
  }

  #take({ keys, operation }: Question, result: unknown): void {
    if (!Array.isArray(result)) return
    for (const [index, answer] of (result as TokenAnswer[]).entries()) {
      const key = keys[index] as TokenKey
      if (answer instanceof Error) this.noteTrouble([key])
      else operation?.answers.set(key, answer)
    }
  }

  #describe(result: unknown): string {
    if (Array.isArray(result)) return `: ${result.map((answer) => this.#name(answer)).join(', ')}`
    return typeof result === 'boolean' && !result ? ': there is one' : ': done'
  }

  #name(answer: TokenAnswer): string {
    return this.#world.history.name(answer)
  }
}

/** What is left of something that the store does in two steps. */
class Again<T> {
  readonly label: string
  readonly rest: () => Promise<T>

  constructor(label: string, rest: () => Promise<T>) {
    this.label = label
    this.rest = rest
  }
}
