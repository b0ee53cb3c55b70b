import { clientErrorHandler, describeError, type ErrorBody } from '@tenantry/app-support'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'

/** Answers a request that failed. Headers that are set already, such as `Retry-After`, stay. */
export function replyWithError(
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const body = describeError(error) ?? INTERNAL
  // The only ones that nobody else logs: they are mistakes of this app.
  if (body === INTERNAL) request.log.error({ err: error }, 'the request failed')
  reply.code(body.statusCode).send(body)
}

export function replyWithNotFound(_request: FastifyRequest, reply: FastifyReply): void {
  reply.code(404).send({ statusCode: 404, code: 'SAMPLE_ERR_NOT_FOUND', message: 'There is no such page' })
}

/** Answers what is not HTTP. */
export const replyToBadRequest: ReturnType<typeof clientErrorHandler> =
  clientErrorHandler('SAMPLE_ERR_BAD_REQUEST')

const INTERNAL: ErrorBody = { statusCode: 500, code: 'SAMPLE_ERR_INTERNAL', message: 'Something went wrong' }
