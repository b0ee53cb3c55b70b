/** A fixed number of slots, first come, first served. */
export class Slots {
  #free: number
  readonly #queue: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** How many wait for a slot. */
  get waiting(): number {
    return this.#queue.length
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

  isOf(slots: Slots): boolean {
    return slots === this.#slots
  }

  /** Goes on in a slot of another kind. The one in use is given back before the other is asked for (no deadlock). */
  async moveTo(slots: Slots): Promise<void> {
    if (this.isOf(slots)) return
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
