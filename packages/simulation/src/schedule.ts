import type { History } from './history.ts'
import type { Process } from './process.ts'
import type { Random } from './random.ts'

/** Something that can happen, and waits until it is chosen. */
export interface Happening {
  /** What the history says when it has been chosen. */
  readonly label: string
  /** Whom it happens to: not while that process is paused, and not at all when it is dead. Undefined: nobody. */
  readonly to?: Process | undefined
  /** Who has sent it: when that process dies, it may get lost. */
  readonly from?: Process | undefined
  /** Whether something keeps it from happening just now. */
  readonly isHeld?: () => boolean
  readonly run: () => void | Promise<void>
}

interface Waiting extends Happening {
  /** It is chosen seldom: what others do in between has a chance to get far. */
  readonly isSlow: boolean
}

export interface ScheduleOptions {
  readonly random: Random
  readonly history: History
  /** How many of the happenings are slow: from 0 to 1. */
  readonly slowness: number
  /** The weight of letting time pass while nothing waits to happen; that of beginning something is 3. */
  readonly haste: number
  /** The weight of letting time pass while something does; that of a happening is 6. */
  readonly impatience: number
  /** The weight of beginning something while something waits to happen. */
  readonly hurry: number
}

/** By how much time may pass at once, at most, in milliseconds. */
const LEAPS = [20, 100, 300, 1500] as const

/** More than any world takes that comes to an end. */
const MAX_STEPS = 30_000

/**
 * Decides what happens next, by chance: a happening, a timer, the end of a turn, or that time passes. One step is taken
 * at a time, and all that follows from it without another step has happened before the next one is chosen. So a seed
 * repeats what it stands for.
 */
export class Schedule {
  readonly random: Random
  readonly history: History
  /** Virtual milliseconds. It does not begin at 0, which lru-cache takes for "never". */
  now = 1000
  readonly #options: ScheduleOptions
  #processes: Process[] = []
  readonly #waiting: Waiting[] = []
  #moment = 0
  #steps = 0

  constructor(options: ScheduleOptions) {
    this.#options = options
    this.random = options.random
    this.history = options.history
  }

  get steps(): number {
    return this.#steps
  }

  /** Another number each time, and a higher one: the order of what is seen. */
  moment(): number {
    this.#moment += 1
    return this.#moment
  }

  join(process: Process): void {
    this.#processes.push(process)
  }

  later(happening: Happening): void {
    this.#waiting.push({ ...happening, isSlow: this.random.chance(this.#options.slowness) })
  }

  /** Takes a dead process out, and half of what it had sent. */
  bury(dead: Process): void {
    this.#processes = this.#processes.filter((process) => process !== dead)
    for (const happening of [...this.#waiting]) {
      if (happening.to === dead || (happening.from === dead && this.random.chance(0.5)))
        this.#remove(happening)
    }
  }

  /** Takes one step; `act`, if given, may be chosen, too. Resolves when all that follows from it has happened. */
  async step(act?: () => void): Promise<void> {
    const { random } = this
    const { haste, impatience, hurry } = this.#options
    const ready = this.#ready()
    const due = this.#due()
    const inTurn = this.#processes.filter((process) => process.isRunning && process.isInTurn)
    const mayPass = due.length === 0 && inTurn.length === 0
    const take = random.weigh<() => void | Promise<void>>([
      [ready.length > 0 ? 6 : 0, () => this.#happen(random.pick(ready))],
      [due.length > 0 ? 5 : 0, () => this.#fire(random.pick(due))],
      [inTurn.length > 0 ? 4 : 0, () => this.#endTurn(random.pick(inTurn))],
      [act === undefined ? 0 : ready.length > 0 ? hurry : 3, () => act?.()],
      [mayPass ? (ready.length > 0 ? impatience : haste) : 0, () => this.leap(random.pick(LEAPS))],
    ])
    await this.#take(take)
  }

  /** Lets everything happen that can happen until `ms` have passed, and to begin with all that needs no time. */
  async run(ms: number): Promise<void> {
    const end = this.now + ms
    for (;;) {
      const ready = this.#waiting.filter((one) => this.#canHappen(one))
      const due = this.#due()
      const inTurn = this.#processes.filter((process) => process.isRunning && process.isInTurn)
      if (ready.length + due.length + inTurn.length > 0) {
        await this.#take(() => {
          if (ready.length > 0) return this.#happen(this.random.pick(ready))
          if (due.length > 0) return this.#fire(this.random.pick(due))
          this.#endTurn(this.random.pick(inTurn))
        })
      } else if (this.now < end) await this.#take(() => this.leap(end - this.now))
      else return
    }
  }

  /** Does one thing, and lets all that follows from it without another step happen. */
  async take(act: () => void): Promise<void> {
    await this.#take(act)
  }

  /** Lets time pass until the next timer is due, or for `ms`, whichever comes first. */
  leap(ms: number): void {
    const timers = this.#processes.flatMap((process) =>
      process.isRunning && process.nextTimerAt !== undefined ? [process.nextTimerAt] : [],
    )
    const to = Math.max(this.now, Math.min(this.now + ms, ...timers))
    if (to === this.now) return
    this.now = to
    this.note('time passes')
  }

  note(line: string): void {
    this.history.note(`${String(this.#steps).padStart(4)} ${String(this.now).padStart(6)} ms  ${line}`)
  }

  async #take(take: () => void | Promise<void>): Promise<void> {
    this.#steps += 1
    if (this.#steps > MAX_STEPS) throw new Error(`Expected an end within ${MAX_STEPS} steps`)
    await take()
    await stillness()
  }

  #ready(): Waiting[] {
    const ready = this.#waiting.filter((one) => this.#canHappen(one))
    const quick = ready.filter(({ isSlow }) => !isSlow)
    return quick.length > 0 && this.random.chance(0.95) ? quick : ready
  }

  #canHappen({ to, isHeld }: Waiting): boolean {
    return (to === undefined || to.isRunning) && isHeld?.() !== true
  }

  #due(): Process[] {
    return this.#processes.filter(
      (process) => process.isRunning && (process.nextTimerAt ?? Number.POSITIVE_INFINITY) <= this.now,
    )
  }

  #happen(happening: Waiting): void | Promise<void> {
    this.#remove(happening)
    this.note(happening.label)
    return happening.run()
  }

  #fire(process: Process): void {
    this.note(`${process.name}: a timer fires`)
    process.runTimer()
  }

  #endTurn(process: Process): void {
    this.note(`${process.name}: its turn ends`)
    process.endTurn()
  }

  #remove(happening: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(happening), 1)
  }
}

/** Every promise that can settle by itself has settled by the next turn: nothing here waits for the outside. */
function stillness(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
