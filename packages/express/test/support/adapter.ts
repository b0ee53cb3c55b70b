import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Adapter, tenantsFor, type Visit } from '@tenantry/adapter-suite'
import type { NextFunction, Request, Response } from 'express'
import { type TenantryError, tenantry } from '../../src/index.ts'
import { EXPRESSES } from './expresses.ts'
import { silent } from './serve.ts'
import { visitOf } from './visit.ts'
import { routeWays, WAYS } from './ways.ts'

/** `@tenantry/express`, as the suite puts it to the test. */
export const express5: Adapter = adapterOf('Express 5')

export const express4: Adapter = adapterOf('Express 4')

function adapterOf(name: keyof typeof EXPRESSES): Adapter {
  return {
    name,
    ways: WAYS,
    unsettled: ['HEAD /writes', 'HEAD /pipes', 'HEAD /pipelines', 'HEAD /sends-file'],
    replica: new URL('../fixtures/replica.js', import.meta.url),
    async serve(options) {
      const { routes = {}, work, before, after, onError } = options
      const app = EXPRESSES[name]()
      app.set('trust proxy', options.trustProxy ?? false)
      const tenants = tenantry({ ...tenantsFor<Request>(options, visitOf), logger: silent })
      if (before) app.use(passing(before))
      app.use(tenants)
      if (after) app.use(passing(after))
      for (const [path, handler] of Object.entries(routes)) {
        const answer = (req: Request, res: Response, next: NextFunction) => {
          Promise.resolve(visitOf(req))
            .then(handler)
            .then((body) => res.send(body), next)
        }
        if (path === '*') app.use(answer)
        else app.get(path, answer)
      }
      if (work !== undefined) routeWays(app, work)
      app.use((error: TenantryError, _req: Request, res: Response, next: NextFunction) => {
        onError?.(error)
        if (res.headersSent) return next(error)
        const { statusCode = 500, code, message } = error
        res.status(statusCode).json({ code, message })
      })
      const server = createServer(options.http ?? {}, app).listen(0, '127.0.0.1')
      await new Promise((resolve) => server.once('listening', resolve))
      const ended = new Promise((resolve) => server.once('close', resolve))
      return {
        port: (server.address() as AddressInfo).port,
        pool: tenants.pool,
        async close() {
          server.close()
          await tenants.close()
          server.closeIdleConnections()
          await ended
        },
      }
    },
  }
}

/** A middleware that lets everything pass. */
function passing(look: (visit: Visit) => void | Promise<void>) {
  return (req: Request, _res: Response, next: NextFunction) => {
    Promise.resolve(visitOf(req))
      .then(look)
      .then(() => next(), next)
  }
}
