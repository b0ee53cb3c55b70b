import type { FastifyInstance } from 'fastify'
import type { Problem } from './api.ts'
import { ManagerError } from './error-reply.ts'
import { sentenceOf } from './problems.ts'

/** More fields than any body has, and as many items as the longest list in one may have. */
const MAX_FIELDS = 100
const MAX_ITEMS = 10_000

/**
 * Takes JSON, and nothing else: what a page of another site can send without asking first is none.
 *
 * An empty body is no body: clients name a content type also where they send none. Numbers in a query come as text;
 * here they are made what they are documented as.
 */
export function parseJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else parse(request, body, done)
  })
  // Before the schema: it tells all that is wrong, and a million wrong items would take a gigabyte to tell.
  app.addHook('preValidation', async ({ body }) => refuseCrowd(body))
  app.addHook('preValidation', async (request) => {
    const query = request.query as Record<string, unknown>
    if (typeof query.limit === 'string' && /^\d{1,9}$/.test(query.limit)) query.limit = Number(query.limit)
  })
}

/** @throws MANAGER_ERR_REQUEST_INVALID */
function refuseCrowd(body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return
  const fields = Object.entries(body)
  if (fields.length > MAX_FIELDS) {
    throw tooMany('', `expected at most ${MAX_FIELDS} fields, got ${fields.length}`)
  }
  for (const [name, value] of fields) {
    if (Array.isArray(value) && value.length > MAX_ITEMS) {
      throw tooMany(`/${name}`, `expected at most ${MAX_ITEMS} items, got ${value.length}`)
    }
  }
}

function tooMany(path: string, message: string): ManagerError {
  const problems: Problem[] = [{ path, message }]
  return new ManagerError(400, 'MANAGER_ERR_REQUEST_INVALID', {
    message: sentenceOf('The body of the request', problems),
    problems,
  })
}
