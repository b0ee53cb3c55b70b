import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { TenantryError } from '@tenantry/core'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'

/** What a stranger is told of an error: all of it. */
interface ErrorBody {
  readonly statusCode: number
  readonly code: string
  readonly message: string
}

/** Answers a request that failed. Headers that are set already, such as `Retry-After`, stay. */
export function replyWithError(
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const body = describeError(error)
  // The only ones that nobody else logs: they are mistakes of this app.
  if (body.code === INTERNAL.code) request.log.error({ err: error }, 'the request failed')
  reply.code(body.statusCode).send(body)
}

export function replyWithNotFound(_request: FastifyRequest, reply: FastifyReply): void {
  reply.code(404).send({ statusCode: 404, code: 'SAMPLE_ERR_NOT_FOUND', message: 'There is no such page' })
}

/** Answers what is not HTTP, or too much of it: Node refuses these before there is a request. */
export function replyToBadRequest(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const statusCode = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code ?? ''] ?? 400
  const reason = STATUS_CODES[statusCode] ?? ''
  const body = JSON.stringify({ statusCode, code: 'SAMPLE_ERR_BAD_REQUEST', message: reason })
  socket.end(
    `HTTP/1.1 ${statusCode} ${reason}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

const INTERNAL: ErrorBody = { statusCode: 500, code: 'SAMPLE_ERR_INTERNAL', message: 'Something went wrong' }

function describeError(error: FastifyError | Error): ErrorBody {
  if (error instanceof TenantryError) {
    return { statusCode: error.statusCode, code: error.code, message: error.message }
  }
  // Fastify's own refusals repeat what the stranger sent; any other error may say more than that.
  const { statusCode = 500, code = '', message } = error as Partial<FastifyError> & Error
  return code.startsWith('FST_ERR_') && statusCode < 500 ? { statusCode, code, message } : INTERNAL
}
