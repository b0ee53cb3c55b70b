import { ALL, tenantKey } from '@tenantry/core'
import {
  OperatorHeaders,
  RestartMany,
  RestartManyReply,
  RestartOne,
  RestartReply,
  RestartsPage,
  RestartsQuery,
  TenantParams,
} from '../api.ts'
import { type Api, type ApiApp, replies } from '../api-app.ts'
import { outcomeOf, tokenOf } from '../changes.ts'
import { askedBy } from '../operator.ts'
import { presentRestart } from '../present.ts'

const tags = ['Restarts']

/** Restarts: of one tenant, of several, of all; and their history. */
export function restartRoutes(app: ApiApp, { authority, changes }: Api): void {
  app.post(
    '/tenants/:id/restart',
    {
      // The body may be left out; whatever comes after this hook need not know.
      preValidation: async (request) => {
        request.body ??= {}
      },
      schema: {
        tags,
        operationId: 'restartTenant',
        summary: 'Restarts a tenant on every replica. 202: committed, and will be written to the store.',
        params: TenantParams,
        headers: OperatorHeaders,
        body: RestartOne,
        response: replies({ 200: RestartReply, 202: RestartReply }),
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const asked = askedBy(request, request.body.reason)
      const done = await changes.write(() => authority.restart([id], asked), asked, request.log)
      reply.code(done.written ? 200 : 202)
      return outcomeOf(id, done)
    },
  )

  app.post(
    '/restart',
    {
      schema: {
        tags,
        operationId: 'restartTenants',
        summary:
          'Restarts the tenants of a list, or all. If one of a list does not exist, none is restarted.',
        headers: OperatorHeaders,
        body: RestartMany,
        response: replies({ 200: RestartManyReply, 202: RestartManyReply }),
      },
    },
    async (request, reply) => {
      const { tenants, reason } = request.body
      const ids = tenants === undefined ? undefined : [...new Set(tenants)]
      const asked = askedBy(request, reason)
      const restarting = () =>
        ids === undefined ? authority.restartAll(asked) : authority.restart(ids, asked)
      const done = await changes.write(restarting, asked, request.log)
      const { written, tokens } = done
      reply.code(written ? 200 : 202)
      if (ids === undefined)
        return { written, restarts: [{ tenant: null, token: tokenOf(ALL, tokens), written }] }
      return {
        written,
        restarts: ids.map((id) => ({ tenant: id, token: tokenOf(tenantKey(id), tokens), written })),
      }
    },
  )

  app.get(
    '/restarts',
    {
      schema: {
        tags,
        operationId: 'listRestarts',
        summary: 'The history: who, when, why, and when it was written to the store. The newest first.',
        querystring: RestartsQuery,
        response: replies({ 200: RestartsPage }),
      },
    },
    async ({ query: { tenant, before, limit = 100 } }) => {
      const { restarts, next } = await authority.listRestarts({ tenant, before, limit })
      return { restarts: restarts.map(presentRestart), next }
    },
  )
}
