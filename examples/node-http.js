// @ts-check
/**
 * Plain `node:http`, without a framework: `@tenantry/express` is a function of request, response and `next`, and does not
 * need Express.
 *
 *   node examples/node-http.js
 *   curl http://acme.localhost:3000/
 *   redis-cli SET tenantry:tenant:acme.localhost $(openssl rand -hex 16)
 *   curl http://acme.localhost:3000/
 */
import { createServer } from 'node:http'
import { TenantryError, tenantry } from '@tenantry/express'
import { RedisTokenStore } from '@tenantry/redis'
import { readTenant } from './support/database.js'

/** @typedef {import('node:http').IncomingMessage & import('@tenantry/express').TenantRequest} TenantRequest */

const { REDIS_URL = 'redis://localhost', PORT = '3000' } = process.env

const tenants = tenantry({ tokens: () => new RedisTokenStore(REDIS_URL), load: readTenant })

const server = createServer((request, response) => {
  tenants(request, response, (error) => {
    if (error === undefined) return answer(/** @type {TenantRequest} */ (request), response)
    // Tenantry's errors have a status, and a message that strangers may read; `Retry-After` is set where it helps.
    const [status, message] =
      error instanceof TenantryError ? [error.statusCode, error.message] : [500, 'Failed']
    response.writeHead(status).end(`${message}\n`)
  })
})

/** @param {TenantRequest} request @param {import('node:http').ServerResponse} response */
function answer({ tenant, tenantLease }, response) {
  response.end(`${tenant.name}, built at ${tenantLease.builtAt.toISOString()}\n`)
}

server.listen(Number(PORT), '127.0.0.1', () => console.log(`Listening on http://127.0.0.1:${PORT}`))
async function close() {
  server.close()
  await tenants.close()
  server.closeIdleConnections()
}
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, close)
