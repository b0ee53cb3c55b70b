import type { Token, TokenAnswer } from '@tenantry/core'

/** What has happened, one line a step, with tokens by short names: `t3`, or `12.t3` where a restart's id is part of it. */
export class History {
  readonly lines: string[] = []
  readonly #names = new Map<Token, string>()

  note(line: string): void {
    this.lines.push(line)
  }

  /** A token's name, or what the store says instead of one. */
  name(answer: TokenAnswer | undefined): string {
    if (typeof answer !== 'string') return answer instanceof Error ? 'failed' : 'absent'
    const known = this.#names.get(answer)
    if (known !== undefined) return known
    const restart = /^\d+\./.exec(answer)?.[0] ?? ''
    const name = `${restart}t${this.#names.size + 1}`
    this.#names.set(answer, name)
    return name
  }
}
