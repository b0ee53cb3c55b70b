import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as turn } from 'node:timers/promises'

/** Enough for a driver, a pool and a reader to go on as far as they can with what has arrived. */
const TURNS = 5
/** So many looks at what is under way are free; then the server is asked each time. */
const FREE_LOOKS = 4

/** One of the things that go on at the same time. */
interface Strand {
  /** Its place in the one that began it, after that one's. */
  readonly place: string
  readonly isSlow: boolean
  /** Its own: so what happens to one does not hang on which of two answers of the database came first. */
  readonly random: Random
  steps: number
  strands: number
}

interface Step {
  readonly strand: Strand
  readonly place: number
  readonly take: () => void
}

/** The same numbers for the same seed. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** From 0 (inclusive) to 1 (exclusive). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)] as T
  }
}

/**
 * Decides what happens next, by chance: everything that could happen waits as a step until it is taken. One step is
 * taken at a time, and runs until all that follows from it waits again, or for a lock of the database.
 *
 * So a seed repeats what it stands for, but for one thing: where several statements wait for one lock, the server
 * decides which of them gets it. What a seed has found may take some runs of it to be found again.
 */
export class Schedule {
  readonly #steps: Step[] = []
  readonly #current = new AsyncLocalStorage<Strand>()
  readonly #main: Strand
  readonly #countBlocked: () => Promise<number>
  #running = 0
  #moment = 0

  /** @param countBlocked how many statements wait for locks */
  constructor(seed: number, countBlocked: () => Promise<number>) {
    this.#main = { place: '', isSlow: false, random: new Random(seed), steps: 0, strands: 0 }
    this.#countBlocked = countBlocked
  }

  get random(): Random {
    return this.#strand.random
  }

  /** Nothing can happen any more. */
  get isOver(): boolean {
    return this.#steps.length === 0 && this.#running === 0
  }

  get hasSteps(): boolean {
    return this.#steps.length > 0
  }

  /** Another number each time, and a higher one. */
  moment(): number {
    this.#moment += 1
    return this.#moment
  }

  /** Begins something that goes on beside all else; now and then at a snail's pace. */
  begin(work: () => Promise<unknown>): Promise<unknown> {
    const outer = this.#strand
    outer.strands += 1
    const random = new Random(outer.random.next() * 2 ** 32)
    const place = `${outer.place}/${outer.strands}`
    const strand = { place, isSlow: random.chance(0.2), random, steps: 0, strands: 0 }
    return this.#current.run(strand, work)
  }

  /** Waits until this is what happens next. */
  step(): Promise<void> {
    const strand = this.#strand
    strand.steps += 1
    const place = strand.steps
    return new Promise((take) => {
      this.#steps.push({ strand, place, take })
    })
  }

  /** Notes that the database has been asked something; to be called when it has answered. */
  ask(): () => void {
    this.#running += 1
    let isRunning = true
    return () => {
      if (isRunning) this.#running -= 1
      isRunning = false
    }
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    const end = this.ask()
    try {
      return await work()
    } finally {
      end()
    }
  }

  takeStep(): void {
    const quick = this.#steps.filter(({ strand }) => !strand.isSlow)
    const steps = quick.length > 0 && this.random.chance(0.95) ? quick : [...this.#steps]
    steps.sort((one, other) => compare(one.strand.place, other.strand.place) || one.place - other.place)
    const step = this.random.pick(steps)
    this.#steps.splice(this.#steps.indexOf(step), 1)
    step.take()
  }

  get #strand(): Strand {
    return this.#current.getStore() ?? this.#main
  }

  /** Waits until everything waits. */
  async settle(): Promise<void> {
    // Twice: what was answered in the last turn may go on for some more.
    for (let look = 0, still = 0; still < 2; look += 1) {
      await turns(TURNS)
      still = (await this.#isStill(look > FREE_LOOKS)) ? still + 1 : 0
    }
  }

  async #isStill(mayAsk: boolean): Promise<boolean> {
    const running = this.#running
    return running === 0 || (mayAsk && (await this.#countBlocked()) >= running && this.#running === running)
  }
}

async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await turn()
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
