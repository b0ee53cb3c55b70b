import { Agent, request } from 'undici'
import type { Manager } from './scene.ts'

export interface ManagerReply {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: the manager checks what it answers against its own schemas
  readonly body: any
  /** After how long to ask again, in milliseconds; undefined: it was not told. */
  readonly retryAfterMs: number | undefined
}

/** How long the manager may take to answer, in milliseconds: longer than changes may wait for their turn there. */
const TIMEOUT_MS = 20_000

/** Speaks the tenant manager's API, as the operator `load-test`. */
export class ManagerClient {
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #agent = new Agent({ headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })

  constructor({ url, apiKey }: Manager) {
    this.#url = url
    this.#headers = {
      'x-tenantry-operator': 'load-test',
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    }
  }

  /** @param path below `/api`; rejects when there is no whole answer */
  async tell(method: string, path: string, content?: unknown): Promise<ManagerReply> {
    const { statusCode, headers, body } = await request(`${this.#url}/api${path}`, {
      method,
      headers:
        content === undefined ? this.#headers : { ...this.#headers, 'content-type': 'application/json' },
      body: content === undefined ? null : JSON.stringify(content),
      dispatcher: this.#agent,
    })
    const text = await body.text()
    const isJson = /^application\/json/.test(`${headers['content-type']}`)
    const retryAfter = Number(headers['retry-after'])
    return {
      status: statusCode,
      body: isJson && text !== '' ? JSON.parse(text) : undefined,
      retryAfterMs: Number.isFinite(retryAfter) ? 1000 * retryAfter : undefined,
    }
  }

  /** What is under way is still answered. */
  close(): Promise<void> {
    return this.#agent.close()
  }
}
