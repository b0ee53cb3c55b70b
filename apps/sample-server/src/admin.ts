import { endLingeringConnections } from '@tenantry/app-support'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { Registry } from 'prom-client'
import { replyWithError, replyWithNotFound } from './error-reply.ts'
import { answerHealth } from './health.ts'

export interface AdminServerOptions {
  registry: Registry
  /** See `SampleServerOptions.leaving`. */
  leaving: AbortSignal
  log: FastifyBaseLogger
}

/**
 * What operators ask, on a port of its own: tenants' host names lead to the other one, and whoever is a stranger there
 * sees nothing of this.
 */
export function createAdminServer({ registry, leaving, log }: AdminServerOptions): FastifyInstance {
  const app = Fastify({
    loggerInstance: log,
    // A line for each scrape says nothing.
    logController: new LogController({ disableRequestLogging: true }),
    frameworkErrors: replyWithError,
  })
  endLingeringConnections(app)
  app.setErrorHandler(replyWithError)
  app.setNotFoundHandler(replyWithNotFound)

  app.get('/metrics', async (_request, reply) => {
    reply.type(registry.contentType)
    return registry.metrics()
  })

  app.get('/healthz', (_request, reply) => answerHealth(reply, leaving))
  return app
}
