import type { AddressInfo } from 'node:net'
import type { TokenStore } from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'
import {
  type SampleServerOptions,
  sampleServer,
  serverOptions,
  type TenantSource,
} from '@tenantry/sample-server'
import { ask } from '@tenantry/testing'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { Target } from '../../src/scene.ts'
import type { Place } from './place.ts'

export interface Serving {
  /** Wraps the token store. @default it is as it is */
  readonly wrap?: (store: TokenStore) => TokenStore
  readonly check?: NonNullable<SampleServerOptions['check']>
  /** Sees the app before the sample server is added to it. */
  readonly prepare?: (app: FastifyInstance) => void
}

export interface Served {
  readonly app: FastifyInstance
  readonly target: Target
  /** How often it has found the store unreachable: from then on, and for a while, it serves unchecked. */
  readonly losses: () => number
  readonly reachesStore: () => boolean
}

/** Serves the sample server from this process, with the tenants that the manager keeps. */
export async function serve(
  t: Test,
  place: Place,
  { replica, wrap = (store) => store, check = 'every-request', prepare }: Serving & { replica: string },
): Promise<Served> {
  const app = Fastify({ ...serverOptions, forceCloseConnections: true })
  t.teardown(() => app.close())
  prepare?.(app)
  const tokens = () => wrap(new RedisTokenStore(place.redis.url))
  await app.register(sampleServer, { tokens, tenants: tenantsOf(place), replica, check })
  let losses = 0
  app.tenants.on('storeUnreachable', () => {
    losses += 1
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  return {
    app,
    target: { origin, replica },
    losses: () => losses,
    reachesStore: () => app.tenants.stats().store === 'reachable',
  }
}

/** As the manager's API tells them, which sees every commit. */
function tenantsOf({ managerPort }: Place): TenantSource {
  return {
    async load(id) {
      const { status, json } = await ask(managerPort, `/api/tenants/${id}`)
      if (status === 404) return undefined
      if (status !== 200) throw new Error(`The manager answered ${status}`)
      const { name, hostnames, config } = json()
      return { ...config, id, name, hostnames }
    },
    lookup: async (hostname) => hostname.replace(/\.localhost$/, ''),
  }
}
