import { STATUS_CODES } from 'node:http'
import { clientErrorHandler, describeError } from '@tenantry/app-support'
import { TenantryError } from '@tenantry/core'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorReply, Problem } from './api.ts'

/** An error of the manager itself. All of it is sent; what went wrong inside is in `cause`. */
export class ManagerError extends Error {
  override readonly name = 'ManagerError'
  readonly statusCode: number
  readonly code: string
  readonly problems: readonly Problem[] | undefined
  /** After how long to try again, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    statusCode: number,
    code: `MANAGER_ERR_${string}`,
    options: { message: string; problems?: readonly Problem[]; retryAfterMs?: number; cause?: unknown },
  ) {
    super(options.message, { cause: options.cause })
    this.statusCode = statusCode
    this.code = code
    this.problems = options.problems
    this.retryAfterMs = options.retryAfterMs ?? (statusCode === 503 ? 1000 : undefined)
  }
}

/** Answers a request that failed: with a status code, a code, a sentence, and when to try again. */
export function replyWithError(
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const body = errorBody(error)
  if (body.statusCode >= 500) request.log.error({ err: error }, 'the request failed')
  const retryAfterMs =
    error instanceof ManagerError || error instanceof TenantryError ? error.retryAfterMs : undefined
  if (retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(retryAfterMs / 1000))
  // Serialized here: these replies are the same on every route, also on those without a schema for them.
  reply.code(body.statusCode).type('application/json; charset=utf-8').serializer(JSON.stringify).send(body)
}

/** Answers what is not HTTP. */
export const replyToBadRequest: ReturnType<typeof clientErrorHandler> =
  clientErrorHandler('MANAGER_ERR_BAD_REQUEST')

export function replyWithNotFound(request: FastifyRequest, reply: FastifyReply): void {
  replyWithError(
    new ManagerError(404, 'MANAGER_ERR_NOT_FOUND', { message: 'There is no such route' }),
    request,
    reply,
  )
}

function errorBody(error: FastifyError | Error): ErrorReply {
  if (error instanceof ManagerError) {
    const { statusCode, code, message, problems } = error
    return { statusCode, code, message, ...(problems !== undefined && { problems: [...problems] }) }
  }
  return describeError(error) ?? refusalOfFiles(error) ?? INTERNAL
}

/** The file server's: a path out of its folder, a range that is not there, a condition that does not hold. */
function refusalOfFiles({ statusCode = 500 }: Error & { statusCode?: number }): ErrorReply | undefined {
  if (statusCode === 403 || statusCode === 404) return NO_ROUTE
  if (statusCode < 400 || statusCode >= 500) return undefined
  return { statusCode, code: 'MANAGER_ERR_REQUEST_INVALID', message: STATUS_CODES[statusCode] ?? 'Refused' }
}

const NO_ROUTE: ErrorReply = {
  statusCode: 404,
  code: 'MANAGER_ERR_NOT_FOUND',
  message: 'There is no such route',
}
const INTERNAL: ErrorReply = {
  statusCode: 500,
  code: 'MANAGER_ERR_INTERNAL',
  message: 'Something went wrong',
}
