import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

/** How long a client that was refused may take to read why and to leave, in milliseconds. */
const LEAVE_MS = 1000

/** Answers what is not HTTP, or too much of it, with `code`: Node refuses these before there is a request. */
export function clientErrorHandler(code: string): (error: Error & { code?: string }, socket: Socket) => void {
  return function replyToBadRequest(error, socket) {
    if (!socket.writable) {
      socket.destroy()
      return
    }
    const statusCode = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code ?? ''] ?? 400
    const reason = STATUS_CODES[statusCode] ?? ''
    const body = JSON.stringify({ statusCode, code, message: reason })
    socket.end(
      `HTTP/1.1 ${statusCode} ${reason}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    // Not at once: what still comes would have the answer thrown away. But whoever never leaves would hold the connection
    // for ever, since Node no longer looks at it.
    const timer = setTimeout(() => socket.destroy(), LEAVE_MS).unref()
    socket.once('close', () => clearTimeout(timer))
  }
}
