import { TenantryError, tenantKey } from '@tenantry/core'
import Type from 'typebox'
import {
  NewTenant,
  OperatorHeaders,
  RestartReply,
  Tenant,
  TenantChange,
  TenantParams,
  TenantReply,
  TenantsPage,
  TenantsQuery,
} from '../api.ts'
import { type Api, type ApiApp, replies } from '../api-app.ts'
import { outcomeOf } from '../changes.ts'
import { askedBy } from '../operator.ts'
import { presentSummary, presentTenant } from '../present.ts'

const tags = ['Tenants']

/** Tenants: list, create, read, change, delete. */
export function tenantRoutes(app: ApiApp, { authority, changes, configSchema }: Api): void {
  app.get(
    '/tenants',
    {
      schema: {
        tags,
        operationId: 'listTenants',
        summary: 'Lists tenants by their ids, a page at a time.',
        querystring: TenantsQuery,
        response: replies({ 200: TenantsPage }),
      },
    },
    async ({ query: { search, after, limit = 100 } }) => {
      const { tenants, total, next } = await authority.listTenants({ search, after, limit })
      return { tenants: tenants.map(presentSummary), total, next }
    },
  )

  app.post(
    '/tenants',
    {
      schema: {
        tags,
        operationId: 'createTenant',
        summary:
          'Creates a tenant. 202: it is there, and its host names will answer once the store has heard.',
        headers: OperatorHeaders,
        body: NewTenant,
        response: replies({ 201: TenantReply, 202: TenantReply }),
      },
    },
    async (request, reply) => {
      const { id, name, hostnames = [], config = {} } = request.body
      configSchema.check(config)
      const asked = askedBy(request, undefined)
      const creating = () => authority.createTenant({ id, name, hostnames, config }, asked)
      const done = await changes.write(creating, asked, request.log)
      reply.code(done.written ? 201 : 202)
      reply.header('location', `/api/tenants/${encodeURIComponent(id)}`)
      return { ...presentTenant(done.result), ...outcomeOf(id, done) }
    },
  )

  app.get(
    '/tenants/:id',
    {
      schema: {
        tags,
        operationId: 'getTenant',
        summary: 'Reads a tenant with its configuration.',
        params: TenantParams,
        response: replies({ 200: Tenant }),
      },
    },
    async ({ params: { id } }) => {
      tenantKey(id)
      const tenant = await authority.findTenant(id)
      if (tenant === undefined) throw new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')
      return presentTenant(tenant)
    },
  )

  app.patch(
    '/tenants/:id',
    {
      schema: {
        tags,
        operationId: 'changeTenant',
        summary:
          'Changes what is named, and restarts the tenant. 409: somebody else has changed it since `version`.',
        params: TenantParams,
        headers: OperatorHeaders,
        body: TenantChange,
        response: replies({ 200: TenantReply, 202: TenantReply }),
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { reason, ...change } = request.body
      configSchema.check(change.config)
      const asked = askedBy(request, reason)
      const changing = () => authority.changeTenant(id, change, asked)
      const done = await changes.write(changing, asked, request.log)
      reply.code(done.written ? 200 : 202)
      return { ...presentTenant(done.result), ...outcomeOf(id, done) }
    },
  )

  app.delete(
    '/tenants/:id',
    {
      schema: {
        tags,
        operationId: 'deleteTenant',
        summary: 'Deletes a tenant: its hosts are unknown from the next request on. Its history stays.',
        params: TenantParams,
        headers: OperatorHeaders,
        response: replies({
          202: {
            ...RestartReply,
            description: 'Deleted; the replicas learn of it once the store has heard.',
          },
          204: Type.Null({ description: 'Deleted.' }),
        }),
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const asked = askedBy(request, undefined)
      const done = await changes.write(() => authority.deleteTenant(id, asked), asked, request.log)
      if (done.written) return reply.code(204).send(null)
      return reply.code(202).send(outcomeOf(id, done))
    },
  )
}
