import type { Begun, DisturbanceLog } from './disturbance-log.ts'
import type { DisturbanceKind } from './results.ts'
import type { Control } from './scene.ts'

export interface DisturbancesOptions {
  /** In their order, spread evenly over the run. */
  readonly kinds: readonly DisturbanceKind[]
  readonly control: Control
  readonly log: DisturbanceLog
  /** How long the store is kept away, in milliseconds. */
  readonly outageMs: number
  /** Told of a replica that is gone. */
  readonly onGone: (replica: string) => void
}

/** What is done to the scene while requests go on: one thing after the other. */
export class Disturbances {
  readonly #options: DisturbancesOptions
  #next = 0
  #doing: string | undefined
  #underWay: Promise<void> | undefined

  constructor(options: DisturbancesOptions) {
    this.#options = options
  }

  /** In a few words; undefined: nothing. */
  get doing(): string | undefined {
    return this.#doing
  }

  /**
   * Begins the next one if its time has come, and the one before is over.
   *
   * @param share of the run that is over, 0 to 1
   * @returns rejects when it could not be done; undefined: nothing was begun
   */
  advance(share: number): Promise<void> | undefined {
    const { kinds } = this.#options
    const kind = kinds[this.#next]
    if (this.#underWay !== undefined || kind === undefined) return undefined
    if (share < (this.#next + 1) / (kinds.length + 1)) return undefined
    this.#next += 1
    this.#underWay = this.#disturb(kind).finally(() => {
      this.#underWay = undefined
      this.#doing = undefined
    })
    return this.#underWay
  }

  /** Begins no more. Resolves, when what is under way is over, well or not, to those whose turn did not come. */
  async end(): Promise<readonly DisturbanceKind[]> {
    const { kinds } = this.#options
    const notDone = kinds.slice(this.#next)
    this.#next = kinds.length
    await this.#underWay?.catch(() => {})
    return notDone
  }

  async #disturb(kind: DisturbanceKind): Promise<void> {
    const begun = this.#options.log.begin(kind)
    this.#doing = DOING[kind]
    try {
      const subject = await this.#carryOut(kind, begun)
      if (subject !== undefined) begun.concerns(subject)
    } finally {
      begun.end()
    }
  }

  async #carryOut(kind: DisturbanceKind, begun: Begun): Promise<string | undefined> {
    const { control, outageMs, onGone } = this.#options
    switch (kind) {
      case 'add':
        return control.addReplica()
      case 'remove': {
        const replica = await control.removeReplica()
        onGone(replica)
        return replica
      }
      case 'kill':
        return control.killReplica((replica) => {
          begun.concerns(replica)
          this.#doing = `${replica} was killed`
          onGone(replica)
        })
      case 'outage':
        await control.outage(outageMs, (replica) => begun.isOverFor(replica))
        return undefined
    }
  }
}

const DOING: Readonly<Record<DisturbanceKind, string>> = {
  add: 'a replica is added',
  remove: 'a replica is removed',
  kill: 'a replica is killed',
  outage: 'the store is kept away',
}
