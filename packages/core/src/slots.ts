import { TenantryError } from './errors.ts'

/** A fixed number of slots, first come, first served. */
export class Slots {
  readonly #count: number
  readonly #maxWaiting: number
  #free: number
  readonly #queue: (() => void)[] = []

  constructor(count: number, maxWaiting: number) {
    this.#count = count
    this.#maxWaiting = maxWaiting
    this.#free = count
  }

  /** How many are in use. */
  get used(): number {
    return this.#count - this.#free
  }

  get anyFree(): boolean {
    return this.#free > 0
  }

  /** How many wait for a slot. */
  get waiting(): number {
    return this.#queue.length
  }

  /**
   * To be called before a slot is asked for. `others`: how many will ask for one when something else has ended.
   *
   * @throws TENANTRY_ERR_BUILD_QUEUE_FULL when too many wait already
   */
  refuseIfFull(others = 0): void {
    if (this.waiting + others >= this.#maxWaiting) throw new TenantryError('TENANTRY_ERR_BUILD_QUEUE_FULL')
  }

  async take(): Promise<Slot> {
    await this.occupy()
    return new Slot(this)
  }

  /** Resolves when a slot is the caller's; `vacate` gives it back. */
  occupy(): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.push(resolve)
      this.#serve()
    })
  }

  vacate(): void {
    this.#free += 1
    this.#serve()
  }

  #serve(): void {
    while (this.#free > 0) {
      const next = this.#queue.shift()
      if (next === undefined) return
      this.#free -= 1
      next()
    }
  }
}

/** One slot in use. */
export class Slot {
  #slots: Slots | undefined

  constructor(slots: Slots) {
    this.#slots = slots
  }

  /**
   * Goes on in a slot of another kind. The one in use is given back before the other is asked for (no deadlock).
   *
   * @throws TENANTRY_ERR_BUILD_QUEUE_FULL
   */
  async moveTo(slots: Slots): Promise<void> {
    if (slots === this.#slots) return
    slots.refuseIfFull()
    this.giveBack()
    await slots.occupy()
    this.#slots = slots
  }

  giveBack(): void {
    const slots = this.#slots
    this.#slots = undefined
    slots?.vacate()
  }
}
