import { randomBytes } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { endLingeringConnections } from '@tenantry/app-support'
import { type HeartbeatStore, hostDirectory, type Token, type TokenStore } from '@tenantry/core'
import tenantry, { type TenantryOptions } from '@tenantry/fastify'
import type { FastifyHttpOptions, FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { replyToBadRequest, replyWithError, replyWithNotFound } from './error-reply.ts'
import { answerHealth } from './health.ts'
import { contentSecurityPolicy, renderPage } from './page.ts'
import type { Tenant } from './tenant.ts'
import type { TenantSource } from './tenant-source.ts'

declare module '@tenantry/fastify' {
  interface TenantryTypes {
    tenant: Tenant
  }
}

export interface SampleServerOptions {
  /** The token store. A function: it is opened and closed with the app; a store: it stays the caller's. */
  tokens: TokenStore | (() => TokenStore)
  /** It stays the caller's. */
  tenants: TenantSource
  /**
   * Where this replica tells which tenants it holds: opened, closed and owned as `tokens` is.
   * @default nobody is told
   */
  heartbeats?: HeartbeatStore | (() => HeartbeatStore)
  /** What this replica calls itself: printable ASCII, since it is sent as a header. */
  replica: string
  /** When a tenant in memory is checked. @default 'every-request' */
  check?: TenantryOptions['check']
  /**
   * Fires when this replica is going to be closed, while it still serves: `GET /healthz` says 503 from then on, and
   * every answer of a route asks its client to come back on another connection, unless others wait behind it on this
   * one.
   * @default it is closed without notice
   */
  leaving?: AbortSignal
}

/** What `GET /whoami` and `GET /slow` answer. */
export interface WhoAmI {
  readonly tenant: Tenant
  readonly token: Token
  /** ISO 8601. */
  readonly builtAt: string
  readonly replica: string
}

/** How long a request may take to arrive, in milliseconds: none has a body that anybody here asks for. */
const REQUEST_TIMEOUT_MS = 10_000

/**
 * What the Fastify instance needs to be made with, so that every refusal has the shape of the app's own, and nobody
 * holds a connection by sending little.
 */
export const serverOptions: FastifyHttpOptions<Server> = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  http: {
    // Node would refuse a request without Host without a word; the plugin does it with a code.
    requireHostHeader: false,
    // By itself, Node looks every 30 seconds, and takes the longer of the two limits for that of the whole request.
    headersTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: 2000,
  },
  // Fastify would refuse what comes on an open connection while it closes; the plugin does it with a code.
  return503OnClosing: false,
  frameworkErrors: replyWithError,
  clientErrorHandler: replyToBadRequest,
}

/** The longest that `GET /slow` waits, in milliseconds. */
export const MAX_SLOW_MS = 60_000

const SLOW_QUERY = {
  type: 'object',
  properties: { ms: { type: 'integer', minimum: 0, maximum: MAX_SLOW_MS, default: 1000 } },
} as const

/** A product page for every tenant. */
export const sampleServer: FastifyPluginAsync<SampleServerOptions> = fp(registerSampleServer, {
  name: '@tenantry/sample-server',
  fastify: '5.x',
})

async function registerSampleServer(app: FastifyInstance, options: SampleServerOptions): Promise<void> {
  const { tokens, tenants, heartbeats, replica, check = 'every-request' } = options
  const { leaving = new AbortController().signal } = options

  endLingeringConnections(app)
  app.setErrorHandler(replyWithError)
  app.setNotFoundHandler(replyWithNotFound)

  // Of each connection the request that came last. Node ends the connection after an answer that says so, and what was
  // sent behind that one would never be answered.
  const latest = new WeakMap<Socket, IncomingMessage>()
  app.addHook('onRequest', ({ raw }, _reply, next) => {
    latest.set(raw.socket, raw)
    next()
  })
  // At the answer, so that requests that were under way when it began say so, too.
  app.addHook('onSend', ({ raw }, reply, _payload, next) => {
    if (leaving.aborted && latest.get(raw.socket) === raw) reply.header('connection', 'close')
    next()
  })

  await app.register(tenantry, {
    tokens,
    load: (id, { signal }) => tenants.load(id, { signal }),
    identify: hostDirectory<Tenant>({
      lookup: (hostname, { signal }) => tenants.lookup(hostname, { signal }),
      hostnamesOf: (tenant) => tenant.hostnames,
    }),
    heartbeat: heartbeats && { replica, store: heartbeats },
    check,
  })

  // After the plugin's own hook: a request that reaches this one has a tenant, whatever becomes of it.
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.tenant === false) return
    reply.header('x-tenantry-token', headerText(request.tenantLease.token))
    reply.header('x-tenantry-replica', replica)
    reply.header('cache-control', 'no-store')
  })

  app.get('/', async (request, reply) => {
    const nonce = randomBytes(16).toString('base64')
    const { token, builtAt } = request.tenantLease
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', contentSecurityPolicy(nonce))
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
    return renderPage(request.tenant, { token, builtAt, replica, now: new Date(), nonce })
  })

  app.get('/whoami', async (request) => whoAmI(request, replica))

  app.get<{ Querystring: { ms: number } }>(
    '/slow',
    { schema: { querystring: SLOW_QUERY } },
    async (request) => {
      request.log.info({ ms: request.query.ms }, 'answering slowly')
      await wait(request.query.ms)
      return whoAmI(request, replica)
    },
  )

  app.get('/healthz', { config: { tenant: false } }, (_request, reply) => answerHealth(reply, leaving))
}

function whoAmI({ tenant, tenantLease }: FastifyRequest, replica: string): WhoAmI {
  return { tenant, token: tenantLease.token, builtAt: tenantLease.builtAt.toISOString(), replica }
}

/** A token set by hand may hold anything; a header may not. */
function headerText(token: Token): string {
  return /^[\x20-\x7e]*$/.test(token) ? token : encodeURIComponent(token.toWellFormed())
}
