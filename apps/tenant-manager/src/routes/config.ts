import { ConfigCheck, ConfigCheckReply, ConfigSchemaReply } from '../api.ts'
import { type Api, type ApiApp, replies } from '../api-app.ts'

const tags = ['Configurations']

/** What configurations are checked against. */
export function configRoutes(app: ApiApp, { configSchema }: Api): void {
  app.get(
    '/config-schema',
    {
      schema: {
        tags,
        operationId: 'getConfigSchema',
        summary: 'The JSON Schema that configurations are checked against.',
        response: replies({ 200: ConfigSchemaReply }),
      },
    },
    async () => ({ schema: configSchema.schema }),
  )

  app.post(
    '/config-check',
    {
      schema: {
        tags,
        operationId: 'checkConfig',
        summary: 'Checks a configuration, and saves nothing.',
        body: ConfigCheck,
        response: replies({ 200: ConfigCheckReply }),
      },
    },
    async ({ body: { config } }) => ({ problems: configSchema.problemsOf(config) }),
  )
}
