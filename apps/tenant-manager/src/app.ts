import type { Server } from 'node:http'
import { TenantLifecycle, TenantryError, type TokenStore } from '@tenantry/core'
import type { FastifyHttpOptions, FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { ManagerError, replyWithError, replyWithNotFound } from './error-reply.ts'
import { reasonToRefuse } from './loopback.ts'

export interface TenantManagerOptions {
  /** Where restarts are written. It stays the caller's. */
  tokens: TokenStore
  /** All tenants, as the authority has them at this moment. */
  tenants: () => Promise<readonly TenantSummary[]>
}

export interface TenantSummary {
  readonly id: string
  readonly name: string
  readonly hostnames: readonly string[]
}

/** What the Fastify instance needs to be made with. */
export const serverOptions: FastifyHttpOptions<Server> = {
  frameworkErrors: replyWithError,
  // An id has at most 255 bytes, each of which may be percent-encoded.
  routerOptions: { maxParamLength: 3 * 255 },
}

/** Restarts tenants: writes their tokens. */
export const tenantManager: FastifyPluginAsync<TenantManagerOptions> = fp(registerTenantManager, {
  name: '@tenantry/tenant-manager',
  fastify: '5.x',
})

async function registerTenantManager(app: FastifyInstance, options: TenantManagerOptions): Promise<void> {
  const lifecycle = new TenantLifecycle(options.tokens)

  app.setErrorHandler(replyWithError)
  app.setNotFoundHandler(replyWithNotFound)

  app.addHook('onRequest', async (request) => {
    const message = reasonToRefuse(request)
    if (message !== undefined) throw new ManagerError(403, 'MANAGER_ERR_FORBIDDEN', { message })
  })

  // No route needs a body. Whatever comes, with whatever content type, is let go by unread.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null)
  })

  app.get('/api/tenants', async () => {
    const tenants = await readTenants()
    return tenants.map(({ id, name, hostnames }) => ({ id, name, hostnames }))
  })

  app.post<{ Params: { id: string } }>('/api/tenants/:id/restart', async ({ params: { id } }) => {
    const tenants = await readTenants()
    if (!tenants.some((tenant) => tenant.id === id)) throw new TenantryError('TENANTRY_ERR_TENANT_NOT_FOUND')
    return { token: await lifecycle.restart(id) }
  })

  app.post('/api/restart', async () => ({ token: await lifecycle.restartAll() }))

  async function readTenants(): Promise<readonly TenantSummary[]> {
    try {
      return await options.tenants()
    } catch (cause) {
      const message = 'The tenants cannot be read just now: the log says why'
      throw new ManagerError(503, 'MANAGER_ERR_TENANTS_UNREADABLE', { message, cause })
    }
  }
}
