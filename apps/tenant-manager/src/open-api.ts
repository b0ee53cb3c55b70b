import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/** The page of the documentation has an inline style; nothing of it comes from elsewhere. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const DESCRIPTION =
  'Keeps tenants, and restarts them on every replica. Every change is committed first and then written to the token ' +
  'store: 200, 201 and 204 say that the store has it, 202 that it will.'

/** The API as an OpenAPI document, at `/docs` for people and `/docs/json` for programs. */
export const documentation: FastifyPluginAsync<{ apiKey: string | undefined }> = fp(registerDocumentation)

async function registerDocumentation(
  app: FastifyInstance,
  { apiKey }: { apiKey: string | undefined },
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Tenantry: the tenant manager', description: DESCRIPTION, version: '1' },
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: 'What `MANAGER_API_KEY` says.' },
        },
      },
      security: apiKey === undefined ? [] : [{ key: [] }],
    },
    transformObject: (document) => letBodiesBeLeftOut(document as { openapiObject: OpenApiDocument }),
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: CONTENT_SECURITY_POLICY,
    uiConfig: { docExpansion: 'list', displayRequestDuration: true },
  })
}

interface OpenApiDocument {
  readonly paths: Record<
    string,
    Record<string, { operationId?: string; requestBody?: { required?: boolean } }>
  >
}

/** The plugin says of every body that it is required. */
function letBodiesBeLeftOut({ openapiObject }: { openapiObject: OpenApiDocument }): OpenApiDocument {
  for (const operations of Object.values(openapiObject.paths)) {
    for (const { operationId, requestBody } of Object.values(operations)) {
      if (operationId === 'restartTenant' && requestBody !== undefined) requestBody.required = false
    }
  }
  return openapiObject
}
