import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { Problem } from '../../src/api.ts'
import type { ApiClient } from './api-client.ts'
import { configSchema, inWords, readConfigSchema, schemaAt } from './config-schema.ts'
import { type JsonReading, placeOf, readJson } from './json-text.ts'

/** A problem, and the place in the text to which it belongs. */
export interface PlacedProblem {
  readonly offset: number
  readonly line: number
  readonly column: number
  readonly message: string
}

/** How long the operator has to pause before the manager is asked about what was typed. */
const PAUSE_MS = 250

/** A configuration as it is being typed, and what is wrong with it. */
export class ConfigCheck {
  readonly text: Signal<string>
  /** Undefined while the text is not a JSON object. */
  readonly config: ReadonlySignal<Record<string, unknown> | undefined>
  readonly problems: ReadonlySignal<readonly PlacedProblem[]>
  readonly #reading: ReadonlySignal<JsonReading>
  /** The manager's answer, and the text that it is about. */
  readonly #answer: Signal<{ text: string; problems: readonly Problem[] }>
  readonly #api: ApiClient
  readonly #dispose: () => void

  constructor(api: ApiClient, text: string) {
    this.#api = api
    readConfigSchema(api)
    this.text = signal(text)
    this.#answer = signal({ text, problems: [] })
    this.#reading = computed(() => readJson(this.text.value))
    this.config = computed(() => objectOf(this.#reading.value))
    this.problems = computed(() => this.#place())
    this.#dispose = effect(() => this.#ask())
  }

  /** Takes in what the manager said when it refused this text. */
  refuse(problems: readonly Problem[]): void {
    this.#answer.value = { text: this.text.value, problems }
  }

  dispose(): void {
    this.#dispose()
  }

  #ask(): () => void {
    const text = this.text.value
    const config = this.config.value
    const controller = new AbortController()
    const timer = setTimeout(async () => {
      if (config === undefined) return
      try {
        const { problems } = await this.#api.ask<{ problems: Problem[] }>('/api/config-check', {
          method: 'POST',
          body: { config },
          signal: controller.signal,
        })
        if (!controller.signal.aborted) this.#answer.value = { text, problems }
      } catch {
        // Nothing is known, then. The manager checks again when it is asked to save.
      }
    }, PAUSE_MS)
    return () => {
      clearTimeout(timer)
      controller.abort()
    }
  }

  #place(): readonly PlacedProblem[] {
    const text = this.text.value
    const reading = this.#reading.value
    const at = (offset: number, message: string) => ({ offset, message, ...placeOf(text, offset) })
    if ('problem' in reading) return [at(reading.problem.offset, reading.problem.message)]
    if (this.config.value === undefined) return [at(0, 'expected an object: { … }')]
    const answer = this.#answer.value
    if (answer.text !== text) return []
    return answer.problems.map(({ path, message }) => {
      const pointer = path.replace(/^\/config(?=\/|$)/, '')
      const where = pointer === '' ? '' : `${pointer.slice(1).replaceAll('/', '.')}: `
      const words = inWords(message, schemaAt(configSchema.value, pointer))
      return at(nearest(reading.offsets, pointer), `${where}${words}`)
    })
  }
}

/** A configuration as it is shown. */
export function format(config: unknown): string {
  return JSON.stringify(config, null, 2)
}

/** Where this is; or, if it is missing, what it should have been in. */
function nearest(offsets: ReadonlyMap<string, number>, pointer: string): number {
  for (let path = pointer; path !== ''; path = path.slice(0, path.lastIndexOf('/'))) {
    const offset = offsets.get(path)
    if (offset !== undefined) return offset
  }
  return 0
}

function objectOf(reading: JsonReading): Record<string, unknown> | undefined {
  if ('problem' in reading) return undefined
  const { value } = reading
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}
