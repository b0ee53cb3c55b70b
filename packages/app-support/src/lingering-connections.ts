import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** How long a request that has begun to arrive is given when the app begins to close, in milliseconds. */
const ARRIVAL_MS = 3000

/**
 * Sees to it that no client keeps an app from closing by sending little: a connection on which nothing has been sent is
 * destroyed as soon as the app begins to close, and any on which no request is under way 3 s later. A request that has
 * arrived is under way until it is answered, however long that takes.
 *
 * Node itself would wait for these clients for ever: a server that closes looks at none of its time limits any more, and
 * of its connections it closes only those that have had a request and an answer.
 */
export function endLingeringConnections(app: FastifyInstance): void {
  const requestsOf = new Map<Socket, Set<IncomingMessage>>()
  let timer: NodeJS.Timeout | undefined
  let isOverdue = false

  function isUnderWay(socket: Socket): boolean {
    return [...(requestsOf.get(socket) ?? [])].some((request) => request.complete)
  }

  function endOverdue(): void {
    isOverdue = true
    for (const socket of requestsOf.keys()) if (!isUnderWay(socket)) socket.destroy()
  }

  app.server.on('connection', (socket) => {
    requestsOf.set(socket, new Set())
    socket.once('close', () => requestsOf.delete(socket))
  })
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    requestsOf.get(socket)?.add(request)
    response.once('close', () => {
      requestsOf.get(socket)?.delete(request)
      // What has been sent behind a request that took longer.
      if (isOverdue && !isUnderWay(socket)) socket.destroy()
    })
  })
  app.addHook('preClose', async () => {
    for (const socket of requestsOf.keys()) if (socket.bytesRead === 0) socket.destroy()
    timer = setTimeout(endOverdue, ARRIVAL_MS)
  })
  app.addHook('onClose', async () => clearTimeout(timer))
}
