/**
 * `@tenantry/core/heartbeat-suite`: what every heartbeat store must promise, as tests for any test runner.
 *
 * Nothing reachable from here imports a test runner; assertions are Node's own.
 */
import assert from 'node:assert/strict'
import type { Beat, HeartbeatStore, ReplicaReport, TenantReport } from './heartbeat-store.ts'
import { HEARTBEAT_LIFETIME_MS } from './heartbeat-store.ts'
import { ends } from './store-suite/ends.ts'
import { newToken } from './token.ts'

/** How the suite reaches the store under test, and its server behind the store's back. */
export interface HeartbeatSuiteOptions {
  /** Declares one test: `test` of `node:test`, Vitest or Jest, `t.test` of tap. Tests must run one by one. */
  test: (name: string, run: () => Promise<void>) => unknown

  /**
   * Opens a client of the wall. Called twice for every test: what one client tells, the other must read. The suite
   * closes them. A store that has nothing to close may be returned again and again.
   */
  create: () => HeartbeatStore | Promise<HeartbeatStore>

  /** Makes all reports older by `ms` milliseconds. Left out: it is not tested that reports end. */
  age?: (ms: number) => unknown

  /**
   * Makes the server silent while its connections stay open (SIGSTOP, say), and returns what makes it go on. Left
   * out: it is not tested that operations end by themselves.
   */
  silence?: () => (() => unknown) | Promise<() => unknown>

  /** How long an operation may take while the server is silent, in milliseconds. @default 5000 */
  operationLimitMs?: number
}

const STARTED_AT = new Date('2026-01-02T03:04:05.678Z')

/** Names and ids that would be something else if they were not encoded. */
const AWKWARD = ['replicas', 'a b', 'a:b', 'a%20b', '{a}', 'é🎈', '__proto__', 'constructor', '"', '0', '-1']

/**
 * Declares the tests of the {@link HeartbeatStore} contract. The wall need not be empty.
 *
 * @example
 * import test from 'node:test'
 * import { heartbeatSuite } from '@tenantry/core/heartbeat-suite'
 *
 * heartbeatSuite({ test, create: () => new MyHeartbeats() })
 */
export function heartbeatSuite(options: HeartbeatSuiteOptions): void {
  const { age, silence, operationLimitMs = 5000 } = options

  function test(
    name: string,
    run: (store: HeartbeatStore, another: HeartbeatStore, replica: string) => Promise<void>,
  ): void {
    options.test(name, async () => {
      const store = await options.create()
      const another = await options.create()
      try {
        await run(store, another, `suite-${newToken()}`)
      } finally {
        await store.close?.()
        await another.close?.()
      }
    })
  }

  test('what is told is read by others, to the millisecond', async (store, another, replica) => {
    const tenants = new Map<string, TenantReport>([
      ['held', { state: 'held', token: '', all: 'of all', builtAt: new Date(1) }],
      ['failed', failed('token', 'of all', 'no "database"\n🎈')],
      ['never-built', failed(null, null, '')],
    ])
    assert.equal(await store.beat(whole(replica, tenants)), true)
    assert.deepEqual(await reportOf(another, replica), { replica, startedAt: STARTED_AT, tenants })
  })

  test('a later beat changes what it names, and nothing else', async (store, another, replica) => {
    await store.beat(whole(replica, holding(['stays', 'changes', 'fails', 'goes'])))
    await another.read()
    const reports = new Map<string, TenantReport>([
      ...holding(['changes', 'comes']),
      ['fails', failed('b', 'c', 'why')],
    ])
    assert.equal(await store.beat(changed(replica, reports, ['goes', 'was never there'])), true)
    const read = await reportOf(another, replica)
    assert.deepEqual([...(read?.tenants.keys() ?? [])].sort(), ['changes', 'comes', 'fails', 'stays'])
    for (const [id, report] of reports) assert.deepEqual(read?.tenants.get(id), report)
    assert.deepEqual(await reportOf(store, replica), read, 'whoever reads for the first time reads the same')
  })

  test('a beat that is whole replaces all that was told before', async (store, another, replica) => {
    await store.beat(whole(replica, holding(['one', 'two'])))
    await another.read()
    const tenants = holding(['two'])
    await store.beat(whole(replica, tenants))
    assert.deepEqual((await reportOf(another, replica))?.tenants, tenants)
  })

  test('a beat that is not whole is refused where nothing is known', async (store, another, replica) => {
    assert.equal(await store.beat(changed(replica, holding(['acme']))), false)
    assert.equal(await store.beat(changed(replica)), false)
    assert.equal(await reportOf(another, replica), undefined)
  })

  test('another process of the same name begins anew', async (store, another, replica) => {
    await store.beat(whole(replica, holding(['old'])))
    const startedAt = new Date(STARTED_AT.getTime() + 1)
    assert.equal(await another.beat({ ...changed(replica, holding(['new'])), startedAt }), false)
    assert.deepEqual([...((await reportOf(store, replica))?.tenants.keys() ?? [])], ['old'])
    const tenants = holding(['new'])
    assert.equal(await another.beat({ ...whole(replica, tenants), startedAt }), true)
    assert.deepEqual(await reportOf(store, replica), { replica, startedAt, tenants })
    assert.equal(await store.beat(changed(replica)), false)
  })

  test('replicas and tenants may have any name, and replicas come in its order', async (store, another, replica) => {
    const names = AWKWARD.map((name) => `${name} ${replica}`)
    const tenants = holding([...AWKWARD, replica])
    for (const name of names) assert.equal(await store.beat(whole(name, tenants)), true)
    const read = (await another.read()).filter((report) => names.includes(report.replica))
    assert.deepEqual(
      read.map((report) => report.replica),
      [...names].sort(),
    )
    for (const report of read) assert.deepEqual(report.tenants, tenants)
    for (const name of names) await store.leave(name)
  })

  test('a replica that leaves is forgotten', async (store, another, replica) => {
    await store.beat(whole(replica, holding(['acme'])))
    await another.read()
    await store.leave(replica)
    await store.leave(`${replica} that was never there`)
    assert.equal(await reportOf(another, replica), undefined)
    assert.equal(await store.beat(changed(replica)), false)
  })

  test('a beat is read as a whole or not at all, and what was read stays as it was', async (store, another, replica) => {
    const ids = Array.from({ length: 200 }, (_, index) => `tenant-${index}`)
    const generation = (report: ReplicaReport | undefined) =>
      new Set(Array.from(report?.tenants.values() ?? [], ({ token }) => token))
    await store.beat(whole(replica, holding(ids, '0')))
    const first = await reportOf(another, replica)
    for (let round = 1; round <= 10; round += 1) {
      const beat = store.beat(changed(replica, holding(ids, `${round}`)))
      const read = await reportOf(another, replica)
      assert.equal(generation(read).size, 1)
      await beat
    }
    assert.deepEqual(generation(await reportOf(another, replica)), new Set(['10']))
    assert.deepEqual(generation(first), new Set(['0']))
  })

  if (age !== undefined) {
    test('a report ends with its lifetime, unless there is another beat', async (store, another, replica) => {
      const tenants = holding(['acme'])
      const dead = `${replica} that is dead`
      for (const name of [replica, dead]) await store.beat(whole(name, tenants))
      await age(0.6 * HEARTBEAT_LIFETIME_MS)
      assert.equal(await store.beat(changed(replica)), true)
      await age(0.6 * HEARTBEAT_LIFETIME_MS)
      assert.deepEqual((await reportOf(another, replica))?.tenants, tenants)
      assert.equal(await reportOf(another, dead), undefined)
      await age(0.6 * HEARTBEAT_LIFETIME_MS)
      assert.equal(await store.beat(changed(replica)), false)
      assert.equal(await reportOf(another, replica), undefined)
    })
  }

  if (silence !== undefined) {
    test('every operation ends by itself while the server is silent', async (store, another, replica) => {
      await store.beat(whole(replica, holding(['acme'])))
      const goOn = await silence()
      try {
        const outcomes = await Promise.all([
          ends('beat', store.beat(changed(replica)), operationLimitMs),
          ends('read', another.read(), operationLimitMs),
          ends('leave', store.leave(replica), operationLimitMs),
        ])
        assert.deepEqual(outcomes, ['rejected', 'rejected', 'rejected'])
        await ends('close', store.close?.(), operationLimitMs)
      } finally {
        await goOn()
      }
    })
  }
}

function whole(replica: string, reports: ReadonlyMap<string, TenantReport>): Beat {
  return { replica, startedAt: STARTED_AT, reports, gone: [], whole: true }
}

function changed(
  replica: string,
  reports: ReadonlyMap<string, TenantReport> = new Map(),
  gone: readonly string[] = [],
): Beat {
  return { replica, startedAt: STARTED_AT, reports, gone, whole: false }
}

/** Tenants that were built under a token that nobody has seen before, or under a given one. */
function holding(ids: readonly string[], token: string = newToken()): Map<string, TenantReport> {
  return new Map(ids.map((id) => [id, { state: 'held', token, all: newToken(), builtAt: new Date() }]))
}

function failed(token: string | null, all: string | null, reason: string): TenantReport {
  return { state: 'failed', token, all, failedAt: new Date(1_700_000_000_001), reason }
}

async function reportOf(store: HeartbeatStore, replica: string): Promise<ReplicaReport | undefined> {
  return (await store.read()).find((report) => report.replica === replica)
}
