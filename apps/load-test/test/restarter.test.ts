import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { eventually } from '@tenantry/testing'
import t from 'tap'
import { Ledger, type LedgerEntry } from '../src/ledger.ts'
import { Restarter } from '../src/restarter.ts'

const TENANT = { index: 2, id: 'load-0003', hostname: 'load-0003.localhost', version: 1 }

/** A thread takes long to start on a busy machine. */
const SOON = { timeoutMs: 60_000 }

t.test('restarts, and what becomes of them', async (t) => {
  const manager = await startManager()
  t.teardown(() => manager.close())
  const ledger = new Ledger()
  const { url } = manager
  const restarter = new Restarter({
    manager: { url, apiKey: 'key' },
    tenants: [TENANT],
    restartEveryMs: 2,
    ledger,
  })
  await restarter.ready
  const entries: LedgerEntry[] = []
  const read = () => {
    for (let entry = ledger.next(); entry !== undefined; entry = ledger.next()) entries.push(entry)
    return entries
  }

  await eventually(() => read().length === 3 && manager.held !== undefined, SOON)
  t.same(
    entries.map(({ id, resolvedAt }) => [id, resolvedAt]),
    [1, 2, 3].map((id) => [id, undefined]),
    'what is to be written later has not resolved',
  )
  t.equal(ledger.counts().pending, 3)
  manager.write()
  const resolved = await eventually(() => read()[3], SOON)
  t.match(resolved, { tenant: 2, id: 3, sequence: entries[2]?.sequence, resolvedAt: Number })
  manager.release()

  await eventually(() => read().length > 20 && ledger.counts().changes > 8, SOON)
  await restarter.stop()
  read()
  const { plain, changes, pending, failed } = ledger.counts()
  t.equal(pending, 3)
  t.equal(failed, 3, 'two were refused, of another the answer was lost')
  t.equal(plain + changes, entries.length - 1, 'one is there twice')
  t.equal(manager.surprises, 0, 'after each, the tenant was read anew')
  for (const { id, sequence } of entries) {
    t.ok(
      sequence <= (manager.committed.get(id) ?? 0),
      `restart ${id}: no more is promised than was committed by then`,
    )
  }
  const last = entries.at(-1) as LedgerEntry
  t.equal(last.sequence, manager.committed.get(last.id), 'and no less, once all is known again')
})

t.test('a thread that fails is heard of', async (t) => {
  const manager = await startManager(() => 'no number')
  t.teardown(() => manager.close())
  const ledger = new Ledger()
  const place = { url: manager.url, apiKey: undefined }
  const restarter = new Restarter({ manager: place, tenants: [TENANT], restartEveryMs: 2, ledger })
  await t.rejects(restarter.failed, /begins with a number and a dot, got no number/)
  await restarter.stop()
})

/** Keeps one tenant. Its store is away at first; of later changes, one is refused, and one is not answered. */
async function startManager(tokenOf = (id: number) => `${id}.x`) {
  const committed = new Map<number, number>()
  const troubles = ['conflict', 'lost']
  let version = TENANT.version
  let sequence = 1
  let isAway = true
  let isWritten = false
  let held: ServerResponse | undefined
  let surprises = 0

  const server = createServer(async (request, response) => {
    const { method, url = '' } = request
    const reply = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    if (url.startsWith('/api/restarts')) {
      const writtenAt = isWritten ? new Date().toISOString() : null
      return reply(200, { restarts: [...committed.keys()].map((id) => ({ id: `${id}`, writtenAt })) })
    }
    if (method === 'GET') return reply(200, { version, config: { load: { sequence } } })
    if (isAway && committed.size === 3) {
      held = response
      return
    }
    const body = method === 'PATCH' ? ((await json(request)) as Change) : undefined
    const trouble = body === undefined || isAway ? undefined : troubles.shift()
    if (trouble === 'conflict') {
      // Somebody else has been there.
      version += 1
      sequence += 10
      return reply(409, { code: 'TENANTRY_ERR_VERSION_CONFLICT' })
    }
    if (body !== undefined) {
      if (body.version !== version || body.config.load.sequence !== sequence + 1) {
        surprises += 1
        return reply(409, {})
      }
      version += 1
      sequence += 1
    }
    const id = committed.size + 1
    committed.set(id, sequence)
    if (trouble === 'lost') return request.socket.destroy()
    reply(isAway ? 202 : 200, { version, token: tokenOf(id), written: !isAway })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    committed,
    get held() {
      return held
    },
    get surprises() {
      return surprises
    },
    write() {
      isWritten = true
    },
    /** The store is there again; what was held is refused. */
    release() {
      isAway = false
      held?.writeHead(503).end()
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

interface Change {
  readonly version: number
  readonly config: { readonly load: { readonly sequence: number } }
}
