import type { AddressInfo } from 'node:net'
import { MemoryTokenStore, TenantLifecycle, type TokenStore } from '@tenantry/core'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { type SampleServerOptions, sampleServer, serverOptions } from '../../src/app.ts'
import { TenantsFile } from '../../src/tenants-file.ts'
import { type TenantsFixture, tenantsFixture } from './tenants-fixture.ts'

export const ACME = {
  name: 'Acme',
  hostnames: ['acme.localhost', 'shop.example', 'bücher.example'],
  tagline: 'Never give up the chase.',
  theme: { accent: '#d9480f', second: '#c2255c' },
  products: [{ name: 'Rocket skates', text: 'Fast.', price: '€ 249' }, { name: 'Portable hole' }],
  plan: 'professional',
}
export const GLOBEX = { name: 'Globex', hostnames: ['globex.localhost'] }

export interface Served {
  readonly app: FastifyInstance
  readonly port: number
  readonly tenants: TenantsFixture
  readonly lifecycle: TenantLifecycle
  /** What was logged, line by line. */
  readonly log: readonly string[]
}

/** A sample server on a free port, with a tenants file of its own. */
export async function serve(
  t: Test,
  tokens: TokenStore = new MemoryTokenStore(),
  options: Pick<SampleServerOptions, 'leaving'> = {},
): Promise<Served> {
  const tenants = tenantsFixture(t.testdir(), { acme: ACME, globex: GLOBEX })
  const log: string[] = []
  const stream = { write: (line: string) => void log.push(line) }
  const app = Fastify({ ...serverOptions, logger: { level: 'info', stream } })
  t.teardown(() => app.close())
  const source = new TenantsFile(tenants.path)
  await app.register(sampleServer, { tokens, tenants: source, replica: 'replica-1', ...options })
  app.get('/broken', async () => {
    throw new Error('the password is hunter2')
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const port = (app.server.address() as AddressInfo).port
  return { app, port, tenants, lifecycle: new TenantLifecycle(tokens), log }
}
