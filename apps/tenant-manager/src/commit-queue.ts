import { type Clock, systemClock } from '@tenantry/core'
import { ManagerError } from './error-reply.ts'

/** How many changes are committed at a time: fewer than there are connections, so that whoever reads gets one, too. */
const MAX_AT_A_TIME = 6

/** How many others may wait. */
const MAX_WAITING = 2000

/** How long each of them may wait, in milliseconds. */
const MAX_WAIT_MS = 10_000

/**
 * Has changes wait for each other, first come, first served. A burst would otherwise take all connections to the
 * database, and whoever waits for one is told after two seconds that the database cannot be reached.
 */
export class CommitQueue {
  readonly #clock: Clock
  #running = 0
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>()

  /** @param clock by default Node's own */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** @throws MANAGER_ERR_BUSY when it is not its turn in time: then `commit` is not called */
  async run<Result>(commit: () => Promise<Result>): Promise<Result> {
    if (this.#running < MAX_AT_A_TIME) this.#running += 1
    else await this.#turn()
    try {
      return await commit()
    } finally {
      this.#next()
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.size >= MAX_WAITING) throw busy()
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        this.#clock.clearTimeout(timer)
        resolve()
      }
      const timer = this.#clock.setTimeout(() => {
        this.#waiting.delete(begin)
        reject(busy())
      }, MAX_WAIT_MS)
      this.#waiting.add(begin)
    })
  }

  /** The place goes from hand to hand: nobody who comes just now is before those who wait. */
  #next(): void {
    const [begin] = this.#waiting
    if (begin === undefined) {
      this.#running -= 1
      return
    }
    this.#waiting.delete(begin)
    begin()
  }
}

function busy(): ManagerError {
  return new ManagerError(503, 'MANAGER_ERR_BUSY', {
    message: 'Too many changes are waiting already: nothing has been changed',
  })
}
