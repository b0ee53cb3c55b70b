import { type Signal, signal } from '@preact/signals'

const KEY = 'tenantry-api-key'
const OPERATOR = 'tenantry-operator'

/** Who asks, and by what right. The key ends with the tab; the name stays. */
export class Credentials {
  readonly operator: Signal<string> = signal(recall(() => localStorage, OPERATOR))
  /** Why a key is asked for; undefined: it is not. */
  readonly asked: Signal<string | undefined> = signal(undefined)
  #key: string = recall(() => sessionStorage, KEY)
  #given: (() => void)[] = []

  /** What goes along with every request. */
  headers(): Record<string, string> {
    return {
      ...(this.#key !== '' && { authorization: `Bearer ${this.#key}` }),
      'x-tenantry-operator': this.operator.value === '' ? 'page' : this.operator.value,
    }
  }

  /** Asks for a key, and resolves when one has been given. */
  async ask(): Promise<void> {
    this.asked.value =
      this.#key === '' ? 'This manager asks for a key.' : 'The manager does not take this key.'
    await new Promise<void>((resolve) => this.#given.push(resolve))
  }

  give(key: string): void {
    this.#key = key
    keep(() => sessionStorage, { name: KEY, value: key })
    this.asked.value = undefined
    for (const resolve of this.#given.splice(0)) resolve()
  }

  name(operator: string): void {
    this.operator.value = operator
    keep(() => localStorage, { name: OPERATOR, value: operator })
  }
}

/** A header holds these, and no others. */
export const OPERATOR_PATTERN = '[\\x20-\\x7e\\xa0-\\xff]*'

/** Browsers may refuse storage, even to look at it; then nothing is kept. */
function recall(storage: () => Storage, name: string): string {
  try {
    return storage().getItem(name) ?? ''
  } catch {
    return ''
  }
}

function keep(storage: () => Storage, { name, value }: { name: string; value: string }): void {
  try {
    storage().setItem(name, value)
  } catch {
    // It holds until the page is left.
  }
}
