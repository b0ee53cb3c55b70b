import type { ErrorReply, Problem } from '../../src/api.ts'
import type { Credentials } from './credentials.ts'

/** The manager said no, or could not be reached (status 0). The message is for the operator. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly code: string
  readonly problems: readonly Problem[]

  constructor(
    status: number,
    { code, message, problems }: Partial<ErrorReply>,
    options?: { cause: unknown },
  ) {
    super(message ?? `The manager answered ${status}, and did not say why`, options)
    this.status = status
    this.code = code ?? ''
    this.problems = problems ?? []
  }
}

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** Speaks to the manager's API. */
export class ApiClient {
  readonly #credentials: Credentials

  constructor(credentials: Credentials) {
    this.#credentials = credentials
  }

  /**
   * Asks for JSON; undefined where the answer has no body. Where a key is missing, the operator is asked for it and
   * the request is sent again with it.
   *
   * @throws ApiError
   */
  async ask<Reply>(path: string, request: ApiRequest = {}): Promise<Reply> {
    const response = await this.open(path, request)
    const text = await response.text().catch((cause) => {
      throw unreachable(cause)
    })
    const reply: unknown = text === '' ? undefined : parse(text)
    if (!response.ok) throw new ApiError(response.status, (reply ?? {}) as Partial<ErrorReply>)
    return reply as Reply
  }

  /** Sends a request, and resolves with its response as soon as that begins. */
  async open(path: string, { method = 'GET', body, signal }: ApiRequest = {}): Promise<Response> {
    for (;;) {
      const response = await fetch(path, {
        method,
        headers: {
          ...this.#credentials.headers(),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        cache: 'no-store',
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
      }).catch((cause) => {
        throw unreachable(cause)
      })
      if (response.status !== 401) return response
      await this.#credentials.ask()
    }
  }
}

/** The path of a tenant in the API. */
export function tenantPath(id: string, rest = ''): string {
  return `/api/tenants/${encodeURIComponent(id)}${rest}`
}

function unreachable(cause: unknown): unknown {
  if (cause instanceof DOMException && cause.name === 'AbortError') return cause
  return new ApiError(0, { message: 'The manager cannot be reached' }, { cause })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
