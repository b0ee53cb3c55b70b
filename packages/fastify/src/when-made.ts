import { finished } from 'node:stream'

type Stream = Parameters<typeof finished>[0]

/**
 * Calls `done` when the making of an answer is over: at once, but where the answer is a stream, when that has ended or
 * has been destroyed. Its source may be at work until then, whether or not anybody is still there to read.
 */
export function whenMade(answer: unknown, done: () => void): void {
  const stream = answer instanceof Response ? answer.body : answer
  // Errors are left to those who read the stream.
  if (isStream(stream)) finished(stream, { writable: false, error: false }, done)
  else done()
}

/** Told apart as Fastify does it. */
function isStream(answer: unknown): answer is Stream {
  return typeof answer === 'object' && answer !== null && ('pipe' in answer || 'getReader' in answer)
}
