import type { Token } from '@tenantry/core'
import type { Announcement } from './announcement.ts'
import { IDS } from './cast.ts'
import type { Change } from './change.ts'
import { History } from './history.ts'
import type { Manager } from './manager.ts'
import type { Modules } from './modules.ts'
import { presetOf } from './presets.ts'
import { Random } from './random.ts'
import { Records } from './records.ts'
import { Replica } from './replica.ts'
import { Schedule } from './schedule.ts'
import { drawTemper, type Temper } from './temper.ts'
import type { Promised, Violation } from './violation.ts'
import { Wall } from './wall.ts'

/** What is wrong with the authority just now, as the replicas see it: for one tenant or host name each. */
interface Plight {
  /** It fails. */
  failing: string | undefined
  /** No answer comes. */
  mute: string | undefined
  /** It serves something else than a configuration. */
  misshapen: string | undefined
}

/** All that there is, and all that has been seen of it. */
export class World {
  readonly modules: Modules
  readonly random: Random
  readonly temper: Temper
  readonly history: History = new History()
  readonly schedule: Schedule
  readonly wall: Wall
  readonly records: Records
  readonly replicas: Replica[]
  readonly announcements: Announcement[] = []
  readonly violations: Violation[] = []
  readonly plight: Plight = { failing: undefined, mute: undefined, misshapen: undefined }
  readonly ids: readonly string[] = IDS
  /** What was changed last. */
  latestChange: Change | undefined
  managers: Manager[] = []
  /** Whether the store may also come back with an older state: for worlds in which somebody sets that right. */
  isFailingOver = false
  /** For how long the world is left alone in the end, in milliseconds. */
  quietMs: number | undefined
  /** Sees in the end whether the store holds what was committed, where there is an authority. */
  judgeStore: (() => Promise<void>) | undefined
  /** Kills a manager, if managers can die. */
  crash: (() => void) | undefined
  #isAtPeace = true
  #atPeace: (() => void)[] = []
  #tokens = 0
  #requests = 0

  /** @param temper what is not left to the seed */
  constructor(seed: number, modules: Modules, temper: Partial<Temper> = presetOf(seed)) {
    this.modules = modules
    this.random = new Random(seed)
    this.temper = { ...drawTemper(this.random), ...temper }
    this.schedule = new Schedule({ random: this.random, history: this.history, ...this.temper })
    this.wall = new Wall(modules.core, this.schedule, (promised, text) => this.violate(promised, text))
    this.records = new Records(this.schedule)
    this.replicas = Array.from(
      { length: this.temper.replicas },
      (_, index) => new Replica(`r${index + 1}`, this),
    )
  }

  /** Nothing goes wrong any more, or not yet. */
  get isAtPeace(): boolean {
    return this.#isAtPeace
  }

  newToken(): Token {
    this.#tokens += 1
    return `token-${this.#tokens}`
  }

  nameRequest(): string {
    this.#requests += 1
    return `#${this.#requests}`
  }

  /** Whether something that is asked of the store goes wrong now. */
  mayFail(): boolean {
    return !this.#isAtPeace && this.random.chance(this.temper.flakiness)
  }

  /** Does something when nothing goes wrong any more: every operation ends by itself, in the end. */
  atPeace(run: () => void): void {
    if (this.#isAtPeace) run()
    else this.#atPeace.push(run)
  }

  beginFaults(): void {
    this.#isAtPeace = false
  }

  endFaults(): void {
    this.#isAtPeace = true
    this.plight.failing = this.plight.mute = this.plight.misshapen = undefined
    for (const process of [...this.replicas, ...this.managers]) {
      if (process.isPaused) process.resume()
    }
    for (const { connection } of [...this.replicas, ...this.managers]) connection.way = 'open'
    for (const run of this.#atPeace.splice(0)) run()
  }

  announce(announcement: Announcement): void {
    this.announcements.push(announcement)
  }

  violate(promised: Promised, text: string): void {
    this.violations.push({ promised, text })
    this.schedule.note(`*** ${promised}: ${text}`)
  }
}
