import type { AddressInfo } from 'node:net'
import { Authority, openDatabase } from '@tenantry/authority'
import {
  ALL,
  MemoryHeartbeats,
  MemoryTokenStore,
  newToken,
  systemClock,
  type TenantReport,
  type Token,
  tenantKey,
} from '@tenantry/core'
import Fastify from 'fastify'
import type { Test } from 'tap'
import { serverOptions, tenantManager } from '../../src/app.ts'

/** A tenant manager, and replicas that tell what a test wants them to tell. */
export interface Managed {
  readonly url: string
  readonly authority: Authority
  readonly tokens: MemoryTokenStore
  readonly heartbeats: MemoryHeartbeats
  /** Creates tenants; the host names are made of those ids that can be a part of one. */
  create(...ids: readonly string[]): Promise<void>
  /** A replica tells that it holds this tenant, under the tokens of now or under others. */
  hold(replica: string, id: string, token?: Token): Promise<void>
  /** A replica tells that it could not build this tenant, under the tokens of now. */
  fail(replica: string, id: string, reason: string): Promise<void>
}

const STARTED_AT = new Date(0)

export async function startManaged(
  t: Test,
  { databaseUrl, ...options }: { databaseUrl: string; apiKey?: string },
): Promise<Managed> {
  const authority = new Authority(await openDatabase(databaseUrl))
  t.teardown(() => authority.close())
  await authority.migrate()
  const tokens = new MemoryTokenStore()
  // By a clock that stands still: a test may take longer than a heartbeat lives.
  const heartbeats = new MemoryHeartbeats({ clock: { ...systemClock, now: () => 0 } })
  const app = Fastify({ ...serverOptions, logger: false })
  t.teardown(() => app.close())
  await app.register(tenantManager, { authority, tokens, heartbeats, ...options })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`,
    authority,
    tokens,
    heartbeats,
    async create(...ids) {
      for (const id of ids) {
        const hostnames = /^[a-z]+$/.test(id) ? [`${id}.localhost`, `www.${id}.localhost`] : []
        await authority.createTenant({ id, name: `${id} Ltd`, hostnames, config: {} }, { by: 'test' })
      }
    },
    async hold(replica, id, token) {
      const [now, all] = await tokensOf(id)
      await tell(replica, id, { state: 'held', token: token ?? now, all, builtAt: new Date() })
    },
    async fail(replica, id, reason) {
      const [token, all] = await tokensOf(id)
      await tell(replica, id, { state: 'failed', token, all, failedAt: new Date(), reason })
    },
  }

  async function tokensOf(id: string): Promise<[Token, Token]> {
    return [await tokens.claim(tenantKey(id), newToken), await tokens.claim(ALL, newToken)]
  }

  async function tell(replica: string, id: string, report: TenantReport): Promise<void> {
    const beat = { replica, startedAt: STARTED_AT, reports: new Map([[id, report]]), gone: [] }
    if (!(await heartbeats.beat({ ...beat, whole: false }))) await heartbeats.beat({ ...beat, whole: true })
  }
}
