import { ALL, type ReplicaReport, TenantryError, tenantKey } from '@tenantry/core'
import { Convergence, Replicas, TenantParams } from '../api.ts'
import { type Api, type ApiApp, replies } from '../api-app.ts'
import { convergenceOf, summaryOf } from '../convergence.ts'
import { ManagerError } from '../error-reply.ts'

const tags = ['Replicas']

/** What the replicas tell by their heartbeats. */
export function replicaRoutes(app: ApiApp, { authority, heartbeats }: Api): void {
  app.get(
    '/tenants/:id/convergence',
    {
      schema: {
        tags,
        operationId: 'getConvergence',
        summary: 'Which replicas have taken the last restart of a tenant up.',
        params: TenantParams,
        response: replies({ 200: Convergence }),
      },
    },
    async ({ params: { id } }) => {
      const key = tenantKey(id)
      const [found, tenant, all, reports] = await Promise.all([
        authority.findTenant(id),
        authority.findCurrentRestart(key),
        authority.findCurrentRestart(ALL),
        readReports(),
      ])
      if (found === undefined) throw new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')
      return convergenceOf(id, { tenant, all }, reports)
    },
  )

  app.get(
    '/replicas',
    {
      schema: {
        tags,
        operationId: 'listReplicas',
        summary: 'The replicas that are alive.',
        response: replies({ 200: Replicas }),
      },
    },
    async () => ({ replicas: (await readReports()).map(summaryOf) }),
  )

  async function readReports(): Promise<readonly ReplicaReport[]> {
    try {
      return await heartbeats.read()
    } catch (cause) {
      throw new ManagerError(503, 'MANAGER_ERR_HEARTBEATS_UNREADABLE', {
        message: 'What the replicas tell cannot be read just now',
        cause,
      })
    }
  }
}
