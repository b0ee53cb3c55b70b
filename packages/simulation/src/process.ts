import type { Clock, Timer } from '@tenantry/core'
import type { Schedule } from './schedule.ts'

interface ProcessTimer extends Timer {
  readonly at: number
  readonly run: () => void
}

/** One process of the world: its timers, and the turns of its event loop. It can be paused, and it can die. */
export class Process implements Clock {
  readonly name: string
  /** Nothing of it goes on: no timer, no turn, nothing that arrives. Time does. */
  isPaused = false
  /** Nothing of it ever goes on. */
  isDead = false
  /** When it last went on after a pause, in milliseconds. */
  resumedAt = 0
  protected readonly schedule: Schedule
  readonly #timers = new Set<ProcessTimer>()
  #immediates: (() => void)[] = []

  constructor(name: string, schedule: Schedule) {
    this.name = name
    this.schedule = schedule
    schedule.join(this)
  }

  get isRunning(): boolean {
    return !this.isPaused && !this.isDead
  }

  /** Whether its turn of the event loop has something to do at its end. */
  get isInTurn(): boolean {
    return this.#immediates.length > 0
  }

  /** When its next timer is due. Undefined: it has none. */
  get nextTimerAt(): number | undefined {
    let next: number | undefined
    for (const { at } of this.#timers) if (next === undefined || at < next) next = at
    return next
  }

  now(): number {
    return this.schedule.now
  }

  setTimeout(run: () => void, ms: number): Timer {
    const timer: ProcessTimer = { at: this.schedule.now + Math.max(0, ms), run, unref: () => timer }
    this.#timers.add(timer)
    return timer
  }

  clearTimeout(timer: Timer): void {
    this.#timers.delete(timer as ProcessTimer)
  }

  setImmediate(run: () => void): void {
    this.#immediates.push(run)
  }

  /** Runs the timer that has been due for longest. */
  runTimer(): void {
    const at = this.nextTimerAt
    for (const timer of this.#timers) {
      if (timer.at !== at) continue
      this.#timers.delete(timer)
      timer.run()
      return
    }
  }

  /** Ends the turn: all that has been put off until now runs. */
  endTurn(): void {
    const due = this.#immediates
    this.#immediates = []
    for (const run of due) run()
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    this.resumedAt = this.schedule.now
  }

  die(): void {
    this.isDead = true
    this.#timers.clear()
    this.#immediates = []
  }
}
