import type { FastifyReply } from 'fastify'

/** Answers a health check: whoever gives requests to this replica shall give it no more once it is leaving. */
export function answerHealth(reply: FastifyReply, leaving: AbortSignal): FastifyReply {
  return leaving.aborted ? reply.code(503).send({ status: 'closing' }) : reply.send({ status: 'ok' })
}
