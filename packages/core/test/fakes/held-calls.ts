/** One call that waits for its answer. */
export interface HeldCall<Context> {
  /** What it was called with. */
  readonly context: Context
  /** Carries it out now, on the world as it is now; the answer is kept back. */
  perform(): this
  /** Gives the answer (carrying it out first, if that was not done). */
  answer(): void
  fail(error: unknown): void
}

/**
 * A function whose every call, while `holding`, waits until the test carries it out and answers it, in any order and
 * as late as it likes.
 */
export class HeldCalls<Context, Result> {
  /** Calls that wait for their answers, oldest first. */
  readonly held: HeldCall<Context>[] = []
  holding = false
  /** How many calls there have been. */
  count = 0
  /** What a call does when it is carried out. */
  carryOut: (context: Context) => Result

  constructor(carryOut: (context: Context) => Result) {
    this.carryOut = carryOut
  }

  call(context: Context): Promise<Result> {
    this.count += 1
    return new Promise((resolve, reject) => {
      let outcome: (() => void) | undefined
      const call: HeldCall<Context> = {
        context,
        perform: () => {
          try {
            const result = this.carryOut(context)
            outcome = () => resolve(result)
          } catch (error) {
            outcome = () => reject(error)
          }
          return call
        },
        answer() {
          if (outcome === undefined) call.perform()
          outcome?.()
        },
        fail: reject,
      }
      if (this.holding) this.held.push(call)
      else call.answer()
    })
  }

  /** The oldest call that waits. */
  next(): HeldCall<Context> {
    const call = this.held.shift()
    if (call === undefined) throw new Error('Expected a call to be under way')
    return call
  }

  /** From now on calls are answered by themselves, and so are those that wait. */
  letGo(): void {
    this.holding = false
    for (const call of this.held.splice(0)) call.answer()
  }
}
