import { type Signal, signal } from '@preact/signals'
import { ApiError } from './api-client.ts'

export interface Notice {
  readonly id: number
  readonly kind: 'done' | 'waiting' | 'failed'
  readonly text: string
}

/** How long a notice that asks for nothing stays. */
const SHOWN_MS = 6000

/** What became of what the operator asked for. A failure stays until it is put away. */
export class Notices {
  readonly shown: Signal<readonly Notice[]> = signal([])
  #last = 0

  add(kind: Notice['kind'], text: string): void {
    const id = ++this.#last
    this.shown.value = [...this.shown.value.slice(-3), { id, kind, text }]
    if (kind !== 'failed') setTimeout(() => this.remove(id), SHOWN_MS)
  }

  /** Says that something is done, or only committed until the store can be reached. */
  addOutcome(text: string, written: boolean): void {
    if (written) this.add('done', text)
    else this.add('waiting', `${text}: committed, and written as soon as the token store can be reached`)
  }

  addError(what: string, error: unknown): void {
    this.add('failed', `${what}: ${explain(error)}`)
  }

  remove(id: number): void {
    this.shown.value = this.shown.value.filter((notice) => notice.id !== id)
  }
}

/** The manager's own sentence, with the problems that belong to no field here. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error)
  const problems = error.problems.map(({ path, message }) => `${path} ${message}`.trim())
  return [error.message, ...problems].join('; ')
}
