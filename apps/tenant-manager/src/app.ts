import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { endLingeringConnections } from '@tenantry/app-support'
import { type Authority, Reconciler, RestartWriter } from '@tenantry/authority'
import type { HeartbeatStore, TokenStore } from '@tenantry/core'
import type { FastifyHttpOptions, FastifyInstance, FastifyPluginAsync, RawServerDefault } from 'fastify'
import fp from 'fastify-plugin'
import { keyHolders, loopbackOnly } from './access.ts'
import type { Api } from './api-app.ts'
import { Board } from './board.ts'
import { Changes } from './changes.ts'
import { ConfigSchema } from './config-schema.ts'
import { ManagerError, replyToBadRequest, replyWithError, replyWithNotFound } from './error-reply.ts'
import { EventStreams } from './event-streams.ts'
import { parseJson } from './json-body.ts'
import { documentation } from './open-api.ts'
import { page } from './page.ts'
import { refuseRequest } from './problems.ts'
import { configRoutes } from './routes/config.ts'
import { type DemoControls, demoRoutes } from './routes/demo.ts'
import { eventRoutes } from './routes/events.ts'
import { hostnameRoutes } from './routes/hostnames.ts'
import { replicaRoutes } from './routes/replicas.ts'
import { restartRoutes } from './routes/restarts.ts'
import { tenantRoutes } from './routes/tenants.ts'

export interface TenantManagerOptions {
  /** Where tenants and their restarts are kept, migrated. It stays the caller's. */
  authority: Authority
  /** Where restarts are written. It stays the caller's. */
  tokens: TokenStore
  /** Where the replicas tell what they hold. It stays the caller's. */
  heartbeats: HeartbeatStore
  /** What callers of the API must know. Undefined: none, and everything is for this machine only. */
  apiKey?: string | undefined
  /** A JSON Schema that configurations are checked against. Undefined: any JSON object will do. */
  configSchema?: object | undefined
  /**
   * Where the site of a host name is, for the links of the page: an `http:` or `https:` address in which `{hostname}`
   * stands for it. Undefined: at the host name itself.
   */
  siteUrl?: string | undefined
  /** What visitors of the demo may do. Undefined: this is no demo. */
  demo?: DemoControls | undefined
}

/** Above the largest configuration (1 MiB), and what stands around it. */
const BODY_LIMIT = 2 * 1024 * 1024

/** How long a request may take to arrive, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000

/** What the Fastify instance needs to be made with. */
export const serverOptions: FastifyHttpOptions<RawServerDefault> = {
  frameworkErrors: replyWithError,
  clientErrorHandler: replyToBadRequest,
  // Fastify would refuse what comes on an open connection while it closes; the plugin does it with a code.
  return503OnClosing: false,
  bodyLimit: BODY_LIMIT,
  // Who trickles in holds a connection for so long, and not much longer. By itself, Node looks every 30 seconds, and
  // takes the longer of the two limits for that of the whole request.
  requestTimeout: REQUEST_TIMEOUT_MS,
  http: { headersTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: 5000 },
  // Any id that Node lets in (16 KiB of request line and headers) is refused by its own check, which says why.
  routerOptions: { maxParamLength: 16_384 },
  ajv: {
    customOptions: {
      // Every field that is wrong is told. How many there are is bounded before (json-body.ts), and in the reply.
      allErrors: true,
      verbose: true,
      // A field that is not known is refused, not dropped; a value is taken as it is sent.
      removeAdditional: false,
      coerceTypes: false,
      useDefaults: false,
      logger: false,
    },
  },
}

/** The page only needs what is its own; and nobody may frame it, so that no click on it is lured. */
const CONTENT_SECURITY_POLICY = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'connect-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
}

/** Keeps tenants and restarts them: the API, its documentation at `/docs`, and the page. */
export const tenantManager: FastifyPluginAsync<TenantManagerOptions> = fp(registerTenantManager, {
  name: '@tenantry/tenant-manager',
  fastify: '5.x',
})

async function registerTenantManager(app: FastifyInstance, options: TenantManagerOptions): Promise<void> {
  const { authority, tokens, heartbeats, apiKey, demo, siteUrl } = options
  const board = new Board({
    authority,
    heartbeats,
    demo: demo && (() => demo.state()),
    siteUrl,
    log: app.log,
  })
  const streams = new EventStreams(board)
  const configSchema = new ConfigSchema(options.configSchema)
  const changes = new Changes(new RestartWriter({ authority, tokens }), () => board.changed())
  const reconciler = new Reconciler({ authority, tokens })
  const api: Api = { authority, heartbeats, changes, board, configSchema }

  endLingeringConnections(app)
  app.setErrorHandler(replyWithError)
  app.setNotFoundHandler(replyWithNotFound)
  app.setSchemaErrorFormatter(refuseRequest)
  let isClosing = false
  app.addHook('onRequest', async () => {
    if (isClosing) throw new ManagerError(503, 'MANAGER_ERR_CLOSING', { message: 'This tenant manager ends' })
  })
  if (apiKey === undefined) app.addHook('onRequest', loopbackOnly)
  await app.register(rateLimit, { global: false })
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: CONTENT_SECURITY_POLICY },
    frameguard: { action: 'deny' },
    // Whether the name is HTTPS only is for whoever puts HTTPS before this to say.
    strictTransportSecurity: false,
  })
  await app.register(documentation, { apiKey })
  await app.register(registerApi, { prefix: '/api' })
  await app.register(page)

  tellOfReconciler(app, reconciler, board)
  app.addHook('onReady', async () => reconciler.start())
  // Before connections are waited for: a stream does not end by itself.
  app.addHook('preClose', async () => {
    isClosing = true
    streams.close()
  })
  app.addHook('onClose', async () => reconciler.close())

  async function registerApi(scope: FastifyInstance): Promise<void> {
    scope.addHook('onRequest', keyHolders(scope, apiKey))
    scope.addHook('onRequest', async (_request, reply) => {
      reply.header('cache-control', 'no-store')
    })
    scope.addHook('onReady', async () => configSchema.compile(scope))
    scope.setNotFoundHandler(replyWithNotFound)
    parseJson(scope)
    const typed = scope.withTypeProvider<TypeBoxTypeProvider>()
    tenantRoutes(typed, api)
    hostnameRoutes(typed, api)
    restartRoutes(typed, api)
    replicaRoutes(typed, api)
    configRoutes(typed, api)
    eventRoutes(typed, streams)
    if (demo !== undefined) demoRoutes(typed, demo, board)
  }
}

function tellOfReconciler({ log }: FastifyInstance, reconciler: Reconciler, board: Board): void {
  reconciler.on('rewritten', ({ key, id }) => {
    log.warn({ key, restart: id }, 'a restart was not in the store, and has been written again')
    board.changed()
  })
  reconciler.on('failed', ({ error }) => log.error({ err: error }, 'restarts cannot be reconciled'))
  reconciler.on('recovered', () => log.info('restarts are reconciled again'))
}
