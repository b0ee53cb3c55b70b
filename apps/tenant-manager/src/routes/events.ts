import { BoardChange } from '../api.ts'
import { type ApiApp, replies } from '../api-app.ts'
import { ManagerError } from '../error-reply.ts'
import type { EventStreams } from '../event-streams.ts'

/** After how long to ask again where there are too many streams, in milliseconds. */
const RETRY_AFTER_MS = 5000

/** The live stream of all that the page shows. */
export function eventRoutes(app: ApiApp, streams: EventStreams): void {
  app.get(
    '/events',
    {
      // Its HEAD would be a stream, too.
      exposeHeadRoute: false,
      schema: {
        tags: ['Replicas'],
        operationId: 'streamEvents',
        summary: 'Tells all that the page shows, and then whatever changes, as server-sent events.',
        response: replies({
          200: {
            description: 'Events without a name; the data of each is a change of the board.',
            content: { 'text/event-stream': { schema: BoardChange } },
          },
        }),
      },
    },
    async (_request, reply) => {
      if (streams.isFull) {
        throw new ManagerError(429, 'MANAGER_ERR_TOO_MANY_STREAMS', {
          message: 'There are too many streams open already',
          retryAfterMs: RETRY_AFTER_MS,
        })
      }
      reply.hijack()
      reply.raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // Told to proxies: what comes is to be passed on at once.
        'x-accel-buffering': 'no',
      })
      reply.raw.flushHeaders()
      streams.add(reply.raw)
    },
  )
}
