import { HostnameParams, NewHostname, OperatorHeaders, TenantParams, TenantReply } from '../api.ts'
import { type Api, type ApiApp, replies } from '../api-app.ts'
import { outcomeOf } from '../changes.ts'
import { askedBy } from '../operator.ts'
import { presentTenant } from '../present.ts'

const tags = ['Host names']

/** A tenant's host names: add, move here, remove. */
export function hostnameRoutes(app: ApiApp, { authority, changes }: Api): void {
  app.post(
    '/tenants/:id/hostnames',
    {
      schema: {
        tags,
        operationId: 'addHostname',
        summary: 'Adds a host name, or moves it here: `from` names the tenant that gives it up.',
        params: TenantParams,
        headers: OperatorHeaders,
        body: NewHostname,
        response: replies({ 200: TenantReply, 202: TenantReply }),
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { hostname, from, reason } = request.body
      const asked = askedBy(request, reason)
      const adding = () => authority.addHostname(id, hostname, { ...asked, from })
      const done = await changes.write(adding, asked, request.log)
      reply.code(done.written ? 200 : 202)
      return { ...presentTenant(done.result), ...outcomeOf(id, done) }
    },
  )

  app.delete(
    '/tenants/:id/hostnames/:hostname',
    {
      schema: {
        tags,
        operationId: 'removeHostname',
        summary: 'Removes a host name: it is unknown from the next request on.',
        params: HostnameParams,
        headers: OperatorHeaders,
        response: replies({ 200: TenantReply, 202: TenantReply }),
      },
    },
    async (request, reply) => {
      const { id, hostname } = request.params
      const asked = askedBy(request, undefined)
      const removing = () => authority.removeHostname(id, hostname, asked)
      const done = await changes.write(removing, asked, request.log)
      reply.code(done.written ? 200 : 202)
      return { ...presentTenant(done.result), ...outcomeOf(id, done) }
    },
  )
}
