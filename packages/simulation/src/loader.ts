import type { Replica } from './replica.ts'
import type { Config, Site } from './site.ts'
import type { World } from './world.ts'

/** One question to the authority, or one `create`. */
export interface Attempt {
  readonly kind: 'load' | 'create' | 'lookup'
  /** A tenant's id; of a lookup, the host name. */
  readonly of: string
  readonly began: number
  readonly beganAt: number
  readonly signal: AbortSignal
  /** Undefined: it is still under way. */
  ended?: number
  endedAt?: number
  hasFailed?: boolean
  /** It was answered: there is no such tenant or host. */
  isUnknown?: boolean
}

/** What a replica asks the authority, and what it makes of the answers; all of it may be slow, fail, or never end. */
export class Loader {
  readonly attempts: Attempt[] = []
  readonly #world: World
  readonly #replica: Replica
  readonly #live = new Set<Attempt>()
  /** When something ended last, in milliseconds. */
  endedAt = 0

  constructor(world: World, replica: Replica) {
    this.#world = world
    this.#replica = replica
  }

  /** What is under way, and still wanted. */
  get live(): ReadonlySet<Attempt> {
    return this.#live
  }

  load(id: string, signal: AbortSignal): Promise<Config | undefined> {
    const { records, schedule, plight } = this.#world
    return this.#ask('load', id, signal, () => {
      const state = records.latest(id)
      if (state?.hostnames === undefined) return undefined
      return { state, readMoment: schedule.moment(), isGarbage: plight.misshapen === id }
    })
  }

  lookUp(hostname: string, signal: AbortSignal): Promise<string | undefined> {
    return this.#ask('lookup', hostname, signal, () => this.#world.records.ownerOf(hostname))
  }

  create(config: Config, id: string, signal: AbortSignal): Promise<Site> {
    const { schedule, temper, random } = this.#world
    const attempt = this.#begin('create', id, signal)
    return new Promise((resolve, reject) => {
      const failed = config.isGarbage || (random.chance(temper.frailty) && !this.#world.isAtPeace)
      schedule.later({
        label: `${this.#replica.name}: create ${id} ${failed ? 'fails' : 'ends'}`,
        to: this.#replica,
        run: () => {
          this.#end(attempt, failed)
          if (failed) reject(new TypeError(`Expected a configuration of ${id}`))
          else resolve(this.#newSite(config, id))
        },
      })
    })
  }

  #newSite({ state, readMoment }: Config, id: string): Site {
    const { sites, name } = this.#replica
    const site = {
      name: `${name}'s site ${sites.length + 1} (${state.id}, version ${state.version})`,
      id,
      state,
      readMoment,
      createdMoment: this.#world.schedule.moment(),
      disposals: 0,
      leases: 0,
    }
    sites.push(site)
    return site
  }

  /** Has a question sent, answered by the authority, and the answer arrive, each in a step of its own. */
  #ask<T>(
    kind: 'load' | 'lookup',
    of: string,
    signal: AbortSignal,
    find: () => T | undefined,
  ): Promise<T | undefined> {
    const { schedule, random, temper, plight } = this.#world
    const attempt = this.#begin(kind, of, signal)
    const { name } = this.#replica
    return new Promise((resolve, reject) => {
      const tell = (label: string, run: () => void): void => {
        schedule.later({
          label: `${name} ← ${kind} ${of}: ${label}`,
          to: this.#replica,
          isHeld: () => plight.mute === of,
          run,
        })
      }
      const fail = (): void => {
        tell('it fails', () => {
          this.#end(attempt, true)
          reject(new Error('The authority failed'))
        })
      }
      schedule.later({
        label: `authority: ${name} asks ${kind} ${of}`,
        run: () => {
          if (!this.#world.isAtPeace && (plight.failing === of || random.chance(temper.frailty)))
            return fail()
          const found = find()
          tell(found === undefined ? 'unknown' : describe(found), () => {
            // Nobody listens any longer to what comes after the time limit.
            if (attempt.ended === undefined) attempt.isUnknown = found === undefined
            this.#end(attempt, false)
            resolve(found)
          })
        },
      })
    })
  }

  #begin(kind: Attempt['kind'], of: string, signal: AbortSignal): Attempt {
    const { schedule } = this.#world
    const attempt: Attempt = { kind, of, began: schedule.moment(), beganAt: schedule.now, signal }
    this.attempts.push(attempt)
    this.#live.add(attempt)
    signal.addEventListener('abort', () => {
      if (attempt.ended === undefined) this.#end(attempt, true)
    })
    return attempt
  }

  #end(attempt: Attempt, hasFailed: boolean): void {
    if (attempt.ended !== undefined) return
    const { schedule } = this.#world
    this.#live.delete(attempt)
    this.endedAt = schedule.now
    attempt.ended = schedule.moment()
    attempt.endedAt = schedule.now
    attempt.hasFailed = hasFailed
  }
}

function describe(found: unknown): string {
  return typeof found === 'string' ? found : `version ${(found as Config).state.version}`
}
