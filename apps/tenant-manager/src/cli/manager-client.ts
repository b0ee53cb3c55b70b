import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import type { ErrorReply, Problem } from '../api.ts'

export interface ManagerClientOptions {
  /** Where the manager is; the API is below it. */
  url: URL
  /** Undefined: the manager asks for none. */
  apiKey?: string | undefined
  /** Who asks, for the history. */
  operator: string
}

/** The manager said no, or could not be asked. The message is a sentence for whoever called. */
export class ManagerError extends Error {
  override readonly name = 'ManagerError'
  /** Of the manager's reply; undefined: no manager has replied. */
  readonly code: string | undefined
  /** Whether it may be otherwise in a moment, with nobody doing anything. */
  readonly isPassing: boolean
  readonly problems: readonly Problem[]

  constructor(message: string, { code, isPassing = false, problems = [], cause }: ManagerErrorOptions = {}) {
    super(message, { cause })
    this.code = code
    this.isPassing = isPassing
    this.problems = problems
  }
}

interface ManagerErrorOptions {
  code?: string | undefined
  isPassing?: boolean
  problems?: readonly Problem[] | undefined
  cause?: unknown
}

/** How long the manager may take to answer, in milliseconds: it may be restarting ten thousand tenants. */
const TIMEOUT_MS = 60_000

/** Too many requests; and what the manager, or whatever stands before it, answers when something is down. */
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504])

interface Question {
  readonly method: string
  readonly path: string
  readonly body?: string
  readonly timeoutMs: number
}

/**
 * Asks the tenant manager.
 *
 * Not through `fetch`: that would take `..`, which is a tenant id like any other, for a step up in the path, would
 * carry the key along to wherever it is redirected, and refuses some ports.
 */
export class ManagerClient {
  readonly #url: URL
  readonly #headers: Readonly<Record<string, string>>

  constructor({ url, apiKey, operator }: ManagerClientOptions) {
    this.#url = url
    this.#headers = {
      accept: 'application/json',
      'x-tenantry-operator': operator,
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    }
  }

  /**
   * @param path below `/api`, percent-encoded
   * @param options.timeoutMs how long the manager may take. @default 60000
   */
  get<Reply>(
    path: string,
    query: Readonly<Record<string, string | number | undefined>> = {},
    { timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {},
  ): Promise<Reply> {
    const search = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, `${value}`)
    return this.#ask({ method: 'GET', path: search.size === 0 ? path : `${path}?${search}`, timeoutMs })
  }

  /** @param path below `/api`, percent-encoded */
  post<Reply>(path: string, body: unknown): Promise<Reply> {
    return this.#ask({ method: 'POST', path, body: JSON.stringify(body), timeoutMs: TIMEOUT_MS })
  }

  async #ask<Reply>(question: Question): Promise<Reply> {
    const { status, received } = await this.#send(question)
    const reply = parse(received)
    const isPassing = PASSING.has(status)
    if (reply !== undefined && status >= 200 && status < 300) return reply as Reply
    if (!isErrorReply(reply)) {
      throw new ManagerError(
        `${this.#url.origin} does not answer as a tenant manager does (status ${status}): does MANAGER_URL name one?`,
        { isPassing },
      )
    }
    const hint = status === 401 ? ' (the key is taken from MANAGER_API_KEY)' : ''
    const { code, problems } = reply
    throw new ManagerError(`${reply.message}${hint}`, { code, isPassing, problems })
  }

  async #send({ method, path, body, timeoutMs }: Question): Promise<{ status: number; received: string }> {
    const request = this.#url.protocol === 'https:' ? httpsRequest : httpRequest
    const signal = AbortSignal.timeout(Math.ceil(timeoutMs))
    const headers = {
      ...this.#headers,
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      }),
    }
    try {
      const outgoing = request(this.#url, {
        method,
        path: `${this.#url.pathname.replace(/\/$/, '')}/api${path}`,
        headers,
        signal,
      }).end(body)
      // A connection that breaks after the head tells the response and the request: one of them is listened to.
      outgoing.on('error', () => {})
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
      return { status: response.statusCode as number, received: await text(response) }
    } catch (cause) {
      const why = signal.aborted
        ? `no answer within ${Math.round(timeoutMs / 1000)} s`
        : reasonOf(cause as Error)
      throw new ManagerError(
        `The tenant manager at ${this.#url.origin} cannot be reached: ${why}. MANAGER_URL tells where it is.`,
        { isPassing: true, cause },
      )
    }
  }
}

/** Where a name has several addresses, and none answers, the message is empty and the code is not. */
function reasonOf(error: NodeJS.ErrnoException): string {
  return error.message === '' ? (error.code ?? error.name) : error.message
}

/** Undefined: it is not JSON. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function isErrorReply(reply: unknown): reply is ErrorReply {
  return typeof reply === 'object' && reply !== null && 'message' in reply && 'code' in reply
}
