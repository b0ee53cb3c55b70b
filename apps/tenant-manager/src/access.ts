import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import { ManagerError } from './error-reply.ts'
import { reasonToRefuse } from './loopback.ts'

/** Calls with the key, or where there is none, of one address in a minute: far above what a page, scripts and an operator in a hurry come to. */
const MAX_CALLS = 6000

/** Wrong keys of one address in a minute. */
const MAX_WRONG_KEYS = 10

const MINUTE_MS = 60_000

/** Without a key, the page and the API are for this machine's own user. */
export const loopbackOnly: onRequestAsyncHookHandler = async (request) => {
  const message = reasonToRefuse(request)
  if (message !== undefined) throw new ManagerError(403, 'MANAGER_ERR_FORBIDDEN', { message })
}

/**
 * Lets those in who have the key, as often as the limit allows. Needs `@fastify/rate-limit`.
 *
 * The right key is let in however many wrong ones came from the same address: behind a proxy that may be everybody's,
 * and whoever guesses could lock everybody out. What keeps guessers out is the length of the key.
 */
export function keyHolders(app: FastifyInstance, apiKey: string | undefined): onRequestAsyncHookHandler {
  const countCall = app.createRateLimit({ max: MAX_CALLS, timeWindow: MINUTE_MS })
  const countWrongKey = app.createRateLimit({ max: MAX_WRONG_KEYS, timeWindow: MINUTE_MS })
  const expected = apiKey === undefined ? undefined : digest(apiKey)

  return async function requireKey(request, reply) {
    if (expected !== undefined) {
      const received = bearerOf(request)
      if (received === undefined || !timingSafeEqual(digest(received), expected)) {
        return await refuseKey(request, reply, received !== undefined)
      }
    }
    // Not before: the calls of those who have no key would use up what its holders may make.
    await refuseAbove(countCall, request)
  }

  async function refuseKey(request: FastifyRequest, reply: FastifyReply, wrong: boolean): Promise<never> {
    request.log.warn({ ip: request.ip, path: request.routeOptions.url }, wrong ? 'a wrong key' : 'no key')
    if (wrong) await refuseAbove(countWrongKey, request)
    reply.header('www-authenticate', wrong ? 'Bearer error="invalid_token"' : 'Bearer')
    throw new ManagerError(401, 'MANAGER_ERR_UNAUTHORIZED', {
      message: wrong
        ? 'That is not the key of this tenant manager'
        : 'Expected the header Authorization: Bearer <key>',
    })
  }
}

type Count = ReturnType<FastifyInstance['createRateLimit']>

async function refuseAbove(count: Count, request: FastifyRequest): Promise<void> {
  const limit = await count(request)
  if (limit.isAllowed || !limit.isExceeded) return
  throw new ManagerError(429, 'MANAGER_ERR_TOO_MANY_REQUESTS', {
    message: `Expected at most ${limit.max} such requests a minute`,
    retryAfterMs: limit.ttl,
  })
}

function bearerOf({ headers: { authorization } }: FastifyRequest): string | undefined {
  return /^bearer +(.*)$/i.exec(authorization ?? '')?.[1]
}

/** Digests are of one length, whatever was sent: so the comparison tells nothing, not even that. */
function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
