import { TenantryError } from '@tenantry/core'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'

/** An error of the manager itself. The message is sent as it is; what went wrong inside is in `cause`. */
export class ManagerError extends Error {
  override readonly name = 'ManagerError'
  readonly statusCode: number
  readonly code: string
  /** After how long to try again, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(statusCode: number, code: string, options: { message: string; cause?: unknown }) {
    super(options.message, { cause: options.cause })
    this.statusCode = statusCode
    this.code = code
    this.retryAfterMs = statusCode === 503 ? 1000 : undefined
  }
}

/** Answers a request that failed: with a status code, a code, a sentence, and when to try again. */
export function replyWithError(
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { statusCode, code, message, retryAfterMs } = presentable(error)
  if (statusCode >= 500) request.log.error({ err: error }, 'the request failed')
  if (retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(retryAfterMs / 1000))
  reply.code(statusCode).send({ statusCode, code, message })
}

export function replyWithNotFound(request: FastifyRequest, reply: FastifyReply): void {
  replyWithError(
    new ManagerError(404, 'MANAGER_ERR_NOT_FOUND', { message: 'There is no such route' }),
    request,
    reply,
  )
}

type Presentable = Pick<ManagerError, 'statusCode' | 'code' | 'message' | 'retryAfterMs'>

function presentable(error: FastifyError | Error): Presentable {
  if (error instanceof ManagerError || error instanceof TenantryError) return error
  // Fastify's own refusals repeat what was sent; any other error may say more than that.
  const { statusCode = 500, code = '', message } = error as Partial<FastifyError> & Error
  if (code.startsWith('FST_ERR_') && statusCode < 500)
    return { statusCode, code, message, retryAfterMs: undefined }
  return new ManagerError(500, 'MANAGER_ERR_INTERNAL', { message: 'Something went wrong' })
}
