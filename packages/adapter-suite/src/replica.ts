/**
 * `@tenantry/adapter-suite/replica`: what the replica of every adapter does alike. It imports nothing that tests.
 */
import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lease, TenantPool, TokenStore } from '@tenantry/core'
import type { Log } from '@tenantry/core/adapter'

/** A tenant as the configuration has it. */
export interface ReplicaTenant {
  readonly version: number
  /** How long it takes to be loaded, in milliseconds. */
  readonly loadMs: number
}

/** What a replica's script makes an app server of. */
export interface Replica {
  /** For the adapter. Every build reads the configuration anew. */
  readonly options: {
    tokens: () => TokenStore
    load: (id: string) => Promise<ReplicaTenant | undefined>
  }
  /** Where to log, if the server brings no logger: what a replica tells of itself is its log. */
  readonly log: Log
  /** The answer to `GET /`, for a tenant. */
  see(lease: Lease<unknown>): object
  /** The answer to `GET /inside`, which is for no tenant. */
  inside(pool: TenantPool<ReplicaTenant, unknown>): object
  /** The answer to `GET /heap`, which is for no tenant: the bytes in use when all garbage is gone. */
  heap(): number
  /** To be called when the server listens, on a port of 127.0.0.1. At SIGTERM `close` is. */
  listening(port: number, close: () => unknown): void
}

/** The environment tells it all: TOKENS is the URL of the token store; CONFIGURATION a JSON file of tenants by id. */
export async function replica(): Promise<Replica> {
  const { TOKENS = '', CONFIGURATION = '' } = process.env
  const tokens = await openerOf(TOKENS)
  let loads = 0
  let mostLoads = 0

  async function load(id: string): Promise<ReplicaTenant | undefined> {
    loads += 1
    mostLoads = Math.max(mostLoads, loads)
    try {
      const tenant = JSON.parse(await readFile(CONFIGURATION, 'utf8'))[id]
      // What was read may be old by the time it arrives.
      await sleep(tenant?.loadMs)
      return tenant
    } finally {
      loads -= 1
    }
  }

  const print = (details: object, msg: string) => console.log(JSON.stringify({ msg, ...details }))
  return {
    options: { tokens, load },
    log: { info: print, warn: print, error: print },
    see: ({ id, token, builtAt, tenant }) => ({ id, token, builtAt, ...(tenant as ReplicaTenant) }),
    inside: (pool) => ({ loads, mostLoads, ...pool.stats() }),
    heap() {
      globalThis.gc?.()
      return process.memoryUsage().heapUsed
    },
    listening(port, close) {
      process.once('SIGTERM', close)
      print({ port }, 'listening')
    },
  }
}

/** The client of one wall is not loaded where the other is in use. */
async function openerOf(url: string): Promise<() => TokenStore> {
  const { protocol, host } = new URL(url)
  if (protocol === 'redis:') {
    const { RedisTokenStore } = await import('@tenantry/redis')
    return () => new RedisTokenStore(url)
  }
  if (protocol === 'memcached:') {
    const { MemcachedTokenStore } = await import('@tenantry/memcached')
    return () => new MemcachedTokenStore(host)
  }
  throw new Error(`TOKENS: expected a URL of redis: or memcached:, got "${url}"`)
}
