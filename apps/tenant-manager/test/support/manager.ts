import type { AddressInfo } from 'node:net'
import { Authority, openDatabase } from '@tenantry/authority'
import { MemoryHeartbeats, MemoryTokenStore } from '@tenantry/core'
import { type Answer, ask, type PostgresServer, type Question, startPostgres } from '@tenantry/testing'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { serverOptions, type TenantManagerOptions, tenantManager } from '../../src/app.ts'

/** A Postgres for all tests of a file. */
export async function postgresFor(t: Test): Promise<PostgresServer> {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop())
  return postgres
}

export interface Manager {
  readonly app: FastifyInstance
  readonly port: number
  readonly authority: Authority
  readonly tokens: MemoryTokenStore
  readonly heartbeats: MemoryHeartbeats
  /** Lines of the log, from `info` on. */
  readonly log: readonly string[]
  tell: Tell
  /** Puts tenants into the database by hand, without restarts: `tenant-1` to `tenant-<count>`. */
  fill(count: number): Promise<string[]>
}

type Reply = Answer & { readonly reply: ReturnType<Answer['json']> }

/** `line`: method and path. A body that is no text is sent as JSON. */
export type Tell = (line: string, body?: unknown, headers?: Record<string, string>) => Promise<Reply>

export function teller(port: number, always: Record<string, string> = {}): Tell {
  return async (line, body, headers = {}) => {
    const [method = '', path = ''] = line.split(' ')
    const question: Question = { method, headers: { ...always, ...headers } }
    if (body !== undefined) {
      question.headers = { 'content-type': 'application/json', ...question.headers }
      question.body = typeof body === 'string' ? body : JSON.stringify(body)
    }
    const answer = await ask(port, path, question)
    const isJson = /^application\/json/.test(answer.headers['content-type'] ?? '')
    return { ...answer, reply: isJson && answer.body !== '' ? answer.json() : undefined }
  }
}

/** Serves a manager from this process: a database of its own, tokens and heartbeats in memory. */
export async function serve(
  t: Test,
  postgres: PostgresServer,
  options: Partial<TenantManagerOptions> = {},
): Promise<Manager> {
  const database = await openDatabase(await postgres.newDatabase())
  const authority = new Authority(database)
  const tokens = new MemoryTokenStore()
  const heartbeats = new MemoryHeartbeats()
  const log: string[] = []
  const stream = { write: (line: string) => void log.push(line) }
  const app = Fastify({ ...serverOptions, logger: { level: 'info', stream } })
  t.teardown(async () => {
    await app.close()
    await authority.close()
  })
  await authority.migrate()
  await app.register(tenantManager, { authority, tokens, heartbeats, ...options })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo

  async function fill(count: number): Promise<string[]> {
    const { rows } = await database.query<{ id: string }>(
      `insert into tenantry.tenants (id, name, search_text, config)
       select 'tenant-' || place, 'Tenant ' || place, '', '{}' from generate_series(1, $1::integer) as place returning id`,
      [count],
    )
    return rows.map(({ id }) => id)
  }

  return { app, port, authority, tokens, heartbeats, log, tell: teller(port), fill }
}
