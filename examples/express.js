// @ts-check
/**
 * Express: `req.tenant` is the tenant that the Host header names, fresh on every request.
 *
 *   node examples/express.js
 *   curl http://acme.localhost:3000/
 *
 * Rename Acme in `examples/tenants.json`, and nothing changes until a new token restarts it:
 *
 *   redis-cli SET tenantry:tenant:acme.localhost $(openssl rand -hex 16)
 *   curl http://acme.localhost:3000/
 */
import { TenantryError, tenantry } from '@tenantry/express'
import { RedisTokenStore } from '@tenantry/redis'
import express from 'express'
import pino from 'pino'
import { readTenant } from './support/database.js'

const { REDIS_URL = 'redis://localhost', PORT = '3000' } = process.env

const app = express()
const tenants = tenantry({
  tokens: () => new RedisTokenStore(REDIS_URL),
  load: readTenant,
  logger: pino(), // by default the console hears of warnings and errors alone
})
app.use(tenants)
app.get('/', (req, res) => {
  res.type('text').send(`Hello from ${req.tenant.name}\n`)
})

// Without it, strangers are shown the error's stack, unless NODE_ENV is `production`.
/** @type {express.ErrorRequestHandler} */
const answerError = (error, _req, res, next) => {
  if (res.headersSent) {
    res.on('close', () => res.end()) // the connection is broken off; so the tenant's lease ends, too
    return next(error)
  }
  if (error instanceof TenantryError) return res.status(error.statusCode).json({ code: error.code })
  console.error(error) // what others say is not for strangers
  res.status(500).json({ code: 'INTERNAL' })
}
app.use(answerError)

const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error
  console.log(`Listening on http://127.0.0.1:${PORT}`)
})
async function close() {
  server.close()
  await tenants.close()
  server.closeIdleConnections()
}
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, close)
