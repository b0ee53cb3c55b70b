import { once } from 'node:events'
import { connect } from 'node:net'
import { type TenantReport, TenantryError } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import t from 'tap'
import type { BoardChange } from '../src/api.ts'
import { type EventReader, readEvents } from './support/event-reader.ts'
import { type Manager, postgresFor, serve } from './support/manager.ts'

const AT = new Date('2026-01-02T00:00:00Z')
const postgres = await postgresFor(t)

/** A replica that holds, or failed to build, what it is told. */
function replica({ heartbeats }: Manager, name: string) {
  const startedAt = new Date('2026-01-01T00:00:00Z')
  const beat = (whole: boolean, reports: Record<string, TenantReport>, gone: string[] = []) =>
    heartbeats.beat({ replica: name, startedAt, reports: new Map(Object.entries(reports)), gone, whole })
  return {
    start: (reports: Record<string, TenantReport> = {}) => beat(true, reports),
    tell: (reports: Record<string, TenantReport>, gone?: string[]) => beat(false, reports, gone),
    leave: () => heartbeats.leave(name),
  }
}

const held = (token: string, all = 'claimed'): TenantReport => ({ state: 'held', token, all, builtAt: AT })

t.test('the stream', async (t) => {
  const manager = await serve(t, postgres)
  const { tell, port } = manager
  for (const id of ['acme', 'globex']) await tell('POST /api/tenants', { id, name: id.toUpperCase() })
  const one = replica(manager, 'one')
  const [acme, globex] = await Promise.all(
    ['acme', 'globex'].map(async (id) => (await tell(`POST /api/tenants/${id}/restart`)).reply.token),
  )
  await one.start({ acme: held(acme), globex: held(globex), unknown: held('x') })
  const reader = await readEvents(t, port)
  const reset = await reader.until(() => true)
  /** The next event in which `field` is. */
  const next = (field: keyof BoardChange, from: number) => reader.until((event) => field in event, from)

  t.test('begins with everything', async (t) => {
    t.match(reader.response.headers, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': /default-src 'none'/,
    })
    t.match(reset, {
      reset: true,
      total: 2,
      tenants: {
        set: [
          { id: 'acme', name: 'ACME', version: 1, restart: acme.split('.')[0], written: true },
          { id: 'globex' },
        ],
        gone: [],
      },
      replicas: { set: [{ replica: 'one', tenants: 3, failed: 0 }], gone: [] },
      authority: 'reachable',
      store: 'reachable',
    })
    const set = reset.cells?.one?.set ?? {}
    t.strictSame(Object.keys(set), ['acme', 'globex'], 'what is no tenant has no cell')
    t.match(set.acme, { state: 'current', at: AT.toISOString() })
    t.not(set.acme?.stamp, set.globex?.stamp)
    t.equal(reset.restarts?.length, 6)
  })

  t.test('tells a restart, and each replica that takes it up, and nothing besides', async (t) => {
    const from = reader.events.length
    const token = (await tell('POST /api/tenants/acme/restart', { reason: 'why not' })).reply.token
    const { tenants, restarts, cells, ...rest } = await next('restarts', from)
    t.match(restarts, [{ key: 'tenant:acme', reason: 'why not' }])
    t.equal(restarts?.length, 1)
    t.match(tenants, { set: [{ id: 'acme', restart: token.split('.')[0] }], gone: [] })
    t.equal(tenants?.set.length, 1)
    t.strictSame(rest, {})
    const behind = cells?.one?.set.acme
    t.match(behind, { state: 'behind', stamp: reset.cells?.one?.set.acme?.stamp })

    const again = reader.events.length
    await one.tell({ acme: held(token) })
    const change = await next('cells', again)
    t.strictSame(Object.keys(change), ['cells'])
    t.strictSame(Object.keys(change.cells?.one?.set ?? {}), ['acme'])
    t.match(change.cells?.one?.set.acme, { state: 'current' })
    t.not(change.cells?.one?.set.acme?.stamp, behind?.stamp, 'it has a colour of its own')
  })

  t.test('tells a restart of all on every cell, and a failed build with its reason', async (t) => {
    let from = reader.events.length
    const all = (await tell('POST /api/restart', { all: true })).reply.restarts[0].token
    const behind = await next('cells', from)
    t.match(behind.cells?.one?.set, { acme: { state: 'behind' }, globex: { state: 'behind' } })
    from = reader.events.length
    const reason = '<b>theme.accent</b>: expected a colour'
    const [tokenOfAcme] = await manager.tokens.read(['tenant:acme'])
    await one.tell(
      {
        acme: { state: 'failed', token: tokenOfAcme as string, all, failedAt: AT, reason },
        globex: held(globex, all),
      },
      ['unknown'],
    )
    const failed = await next('cells', from)
    t.match(failed.cells?.one?.set, { acme: { state: 'failed', reason }, globex: { state: 'current' } })
    t.match(failed.replicas?.set, [{ replica: 'one', tenants: 1, failed: 1 }])
    from = reader.events.length
    await one.tell({}, ['acme'])
    t.strictSame((await next('cells', from)).cells?.one, { set: {}, gone: ['acme'] })
  })

  t.test('tells who joins and who leaves', async (t) => {
    const two = replica(manager, 'two')
    let from = reader.events.length
    await two.start({ globex: held('of old') })
    const joined = await next('replicas', from)
    t.match(joined.replicas, { set: [{ replica: 'two' }], gone: [] })
    t.match(joined.cells?.two?.set, { globex: { state: 'behind' } })
    from = reader.events.length
    await two.leave()
    t.strictSame((await next('replicas', from)).replicas, { set: [], gone: ['two'] })
  })

  t.test('tells tenants that come, change and go, whatever they are called', async (t) => {
    let from = reader.events.length
    await tell('POST /api/tenants', { id: '__proto__', name: '<script>' })
    const created = await next('total', from)
    t.match(created, { total: 3, tenants: { set: [{ id: '__proto__', name: '<script>' }] } })
    from = reader.events.length
    await one.tell({ ['__proto__' as string]: held('x') })
    const change = await one
      .start(Object.fromEntries([['__proto__', held('x')]]))
      .then(() => next('cells', from))
    t.ok(Object.hasOwn(change.cells?.one?.set ?? {}, '__proto__'))
    from = reader.events.length
    await tell('POST /api/tenants/__proto__/hostnames', { hostname: 'proto.localhost' })
    const changed = await next('tenants', from)
    t.match(changed.tenants, { set: [{ id: '__proto__', version: 2, hostnames: ['proto.localhost'] }] })
    from = reader.events.length
    await tell('DELETE /api/tenants/__proto__')
    t.match(await next('total', from), { total: 2, tenants: { set: [], gone: ['__proto__'] } })
  })

  t.test('tells of a restart that waits for the store, and of its arrival', async (t) => {
    const { tokens } = manager
    const { write } = tokens
    tokens.write = () => Promise.reject(new Error('down'))
    let from = reader.events.length
    await tell('POST /api/tenants/acme/restart')
    const waiting = await next('restarts', from)
    t.match(waiting, { restarts: [{ writtenAt: null }], tenants: { set: [{ id: 'acme', written: false }] } })
    from = reader.events.length
    tokens.write = write
    const written = await next('restarts', from)
    t.equal(written.restarts?.[0]?.id, waiting.restarts?.[0]?.id)
    t.match(written, { restarts: [{ writtenAt: /Z$/ }], tenants: { set: [{ id: 'acme', written: true }] } })
  })

  t.test('goes on while the authority or the store is away, and says so', async (t) => {
    const { authority, heartbeats, log } = manager
    const { listRestarts } = authority
    const { read } = heartbeats
    let from = reader.events.length
    authority.listRestarts = () => Promise.reject(new TenantryError('TENANTRY_ERR_AUTHORITY_UNREACHABLE'))
    t.strictSame(await next('authority', from), { authority: 'unreachable' })
    heartbeats.read = () => Promise.reject(new Error('down'))
    t.strictSame(await next('store', from), { store: 'unreachable' })
    const late = await readEvents(t, port)
    t.match(await late.until(() => true), {
      reset: true,
      authority: 'unreachable',
      store: 'unreachable',
      total: 2,
    })
    from = reader.events.length
    authority.listRestarts = listRestarts
    heartbeats.read = read
    t.match(await next('authority', from), { authority: 'reachable' })
    await next('store', from)
    t.equal(log.join('').match(/the board cannot read the (authority|store)/g)?.length, 2, 'once each')
  })

  t.test('is open to a hundred at a time; whoever goes away is forgotten', async (t) => {
    const open = [reader]
    let refused = await readEvents(t, port)
    for (; refused.response.statusCode === 200; refused = await readEvents(t, port)) open.push(refused)
    // The one that has just left may not be forgotten yet.
    t.ok(open.length === 100 || open.length === 99, `${open.length}`)
    t.equal(refused.response.statusCode, 429)
    t.equal(refused.response.headers['retry-after'], '5')
    const last = open.at(-1) as EventReader
    await last.until(({ reset }) => reset)
    for (const each of open.slice(1)) each.leave()
    const another = await eventually(async () => {
      const again = await readEvents(t, port)
      return again.response.statusCode === 200 && again
    })
    await another.until(({ reset }) => reset)
  })

  t.test('ends when the manager closes', async (t) => {
    const ended = once(reader.response, 'end')
    await manager.app.close()
    await ended
    t.pass()
  })
})

t.test('nobody reads anything while nobody listens', async (t) => {
  const manager = await serve(t, postgres)
  let reads = 0
  const { read } = manager.heartbeats
  manager.heartbeats.read = () => {
    reads += 1
    return read.call(manager.heartbeats)
  }
  const reader = await readEvents(t, manager.port)
  await reader.until(({ reset }) => reset)
  reader.leave()
  await eventually(async () => {
    const before = reads
    await new Promise((resolve) => setTimeout(resolve, 700))
    return reads === before
  })
  await manager.tell('POST /api/tenants', { id: 'acme', name: 'Acme' })
  const again = await readEvents(t, manager.port)
  t.match(await again.until(() => true), { reset: true, total: 1 }, 'and whoever comes later sees all of it')
})

t.test('a restart is found also where a thousand others have come after it', async (t) => {
  const { authority, fill, port } = await serve(t, postgres)
  await fill(2)
  const by = 'somebody else'
  await authority.restart(['tenant-1', 'tenant-2'], { by })
  const reader = await readEvents(t, port)
  await reader.until(({ reset }) => reset)

  const { listRestarts } = authority
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  authority.listRestarts = async (query) => {
    await opened
    return await listRestarts.call(authority, query)
  }
  const { restarts } = await authority.restart(['tenant-1'], { by })
  for (let batch = 0; batch < 20; batch += 1) {
    await Promise.all(Array.from({ length: 50 }, () => authority.restart(['tenant-2'], { by })))
  }
  open()
  // Another event may tell before that what it was restarted by earlier has been written.
  const isFound = ({ tenants }: BoardChange) =>
    tenants?.set.some(({ id, restart }) => id === 'tenant-1' && restart === restarts[0]?.id)
  t.ok(await reader.until(isFound, 1))
})

t.test('a listener that does not read gets one reset later, and no growing backlog', async (t) => {
  const manager = await serve(t, postgres)
  const ids = await manager.fill(100)
  const one = replica(manager, 'one')
  const text = 'x'.repeat(50_000)
  function generation(n: number) {
    const reason = `generation ${n} ${text}`
    const failed: TenantReport = { state: 'failed', token: 'any', all: 'any', failedAt: AT, reason }
    return one.start(Object.fromEntries(ids.map((id) => [id, failed])))
  }
  await generation(0)
  const deaf = connect(manager.port, '127.0.0.1')
  t.teardown(() => deaf.destroy())
  await once(deaf, 'connect')
  deaf.pause()
  deaf.write(`GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:${manager.port}\r\n\r\n`)
  const reader = await readEvents(t, manager.port)
  await reader.until(({ reset }) => reset)
  for (let n = 1; n <= 8; n += 1) {
    await generation(n)
    await reader.until(({ cells }) => cells?.one?.set['tenant-1']?.reason?.startsWith(`generation ${n} `), n)
  }
  const received: string[] = []
  deaf.on('data', (bytes) => void received.push(bytes.toString('latin1')))
  deaf.resume()
  await eventually(() => received.join('').includes('"reason":"generation 8 '), { intervalMs: 200 })
  const all = received.join('')
  t.equal(all.match(/"reset":true/g)?.length, 2, 'the first, and one for all that was missed')
  t.ok(all.length < 5 * ids.length * text.length, `${all.length} characters, of 9 generations`)
})
