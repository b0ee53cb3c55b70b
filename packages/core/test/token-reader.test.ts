import t from 'tap'
import type { Reading } from '../src/reading.ts'
import { ALL } from '../src/token.ts'
import { TokenReader } from '../src/token-reader.ts'
import type { TokenAnswer, TokenStore } from '../src/token-store.ts'
import { HeldTokenStore } from './fakes/held-token-store.ts'
import { ManualClock, settle } from './fakes/manual-clock.ts'
import { ThrowingTokenStore } from './fakes/throwing-token-store.ts'

const UNREACHABLE = 'TENANTRY_ERR_STORE_UNREACHABLE'

const tokens = () => ({ 'tenant:acme': 't1', 'tenant:beta': 't1', [ALL]: 'a1' })

/** A reader on its own, and what it has told. */
function readerOn<Store extends TokenStore>(store: Store) {
  const clock = new ManualClock()
  const answered: Reading[] = []
  const told: string[] = []
  let minted = 0
  const reader = new TokenReader({
    store,
    clock,
    newToken: () => `new ${++minted}`,
    checkTimeoutMs: 250,
    onAnswer: (reading) => answered.push(reading),
    onUnreachable: (cause) => told.push(`unreachable: ${(cause as Error).message}`),
    onReachable: () => told.push('reachable'),
    onOutcome: (operation, keys, error) =>
      told.push(`${operation} ${keys}: ${error === undefined ? 'done' : (error as Error).message}`),
  })
  return { reader, clock, store, answered, told }
}

/** The same, with a store that has just become unreachable. */
async function lost() {
  const parts = readerOn(new HeldTokenStore(tokens()))
  parts.reader.ask([ALL])
  await parts.clock.turn()
  parts.store.next().fail(new Error('the wall is gone'))
  await settle()
  return parts
}

t.test('R4: checks of one turn share one read of their distinct keys', async (t) => {
  const { reader, clock, store } = readerOn(new HeldTokenStore(tokens()))
  const first = reader.ask(['tenant:acme', ALL])
  await settle()
  const second = reader.ask(['tenant:beta', ALL, 'tenant:acme'])
  t.same(store.held, [], 'nothing is read before the turn ends')
  await clock.turn()

  t.equal(first, second)
  t.same(store.next().keys, ['tenant:acme', ALL, 'tenant:beta'])
  t.same(store.held, [])
})

t.test('R4: a check never joins a read that is under way', async (t) => {
  const { reader, clock, store } = readerOn(new HeldTokenStore(tokens()))
  const first = reader.ask(['tenant:acme'])
  await clock.turn()
  const under = store.next().perform()
  await store.write('tenant:acme', 't2')
  const second = reader.ask(['tenant:acme'])
  await clock.turn()
  store.next().answer()
  under.answer()
  await settle()

  t.equal(first?.answer('tenant:acme'), 't1')
  t.equal(second?.answer('tenant:acme'), 't2')
})

t.test('R4: nothing that was read is kept for a later check', async (t) => {
  const { reader, clock, store } = readerOn(new HeldTokenStore(tokens()))
  reader.ask(['tenant:acme'])
  await clock.turn()
  store.next().answer()
  await settle()
  const later = reader.ask(['tenant:acme'])
  await clock.turn()

  t.equal(later?.answer('tenant:acme'), undefined)
  t.same(store.next().keys, ['tenant:acme'])
})

t.test('absent, empty and failed are three things', async (t) => {
  const { reader, clock, store } = readerOn(new HeldTokenStore({ empty: '', failed: new Error('WRONGTYPE') }))
  store.open = true
  const reading = reader.ask(['absent', 'empty', 'failed'])
  await clock.turn()
  t.same(
    ['absent', 'empty', 'failed', 'not asked'].map((key) => reading?.answer(key)),
    [null, '', undefined, undefined],
  )
  t.same(
    ['absent', 'empty', 'not asked'].map((key) => reading?.failure(key)),
    [undefined, undefined, undefined],
  )
  t.match(reading?.failure('failed'), { message: 'WRONGTYPE' })
})

t.test('a store that gives too few answers has failed at the others', async (t) => {
  class ShortTokenStore extends HeldTokenStore {
    override async read(keys: readonly string[]): Promise<readonly TokenAnswer[]> {
      return (await super.read(keys)).slice(0, 1)
    }
  }
  const { reader, clock, store } = readerOn(new ShortTokenStore({ one: '1', two: '2' }))
  store.open = true
  const reading = reader.ask(['one', 'two', 'three'])
  await clock.turn()
  t.same(
    ['one', 'two', 'three'].map((key) => reading?.answer(key)),
    ['1', undefined, undefined],
  )
  t.equal(reading?.failure('one'), undefined)
  t.match(reading?.failure('two'), { message: 'The token store gave no answer for this key' })
  t.match(reading?.failure('three'), Error)
})

t.test('a store that answers with no list is unreachable, and brings nothing down', async (t) => {
  const store = new HeldTokenStore()
  store.read = async () => undefined as never
  const { reader, clock, told, answered } = readerOn(store)
  const reading = reader.ask(['one'])
  let ended = false
  reading?.settled.then(() => {
    ended = true
  })
  await clock.turn()
  t.ok(ended)
  t.equal(reading?.answer('one'), undefined)
  t.equal(answered.length, 0)
  t.match(told[0], /^unreachable: /)
})

t.test('a store that throws before there is a promise is one that rejects', async (t) => {
  const { reader, clock, told, store } = readerOn(new ThrowingTokenStore())
  const claim = reader.claim('one')
  t.equal(await reader.touch(['one', 'two']), false)
  await t.rejects(claim, { code: UNREACHABLE, cause: { message: 'no connection' } })
  t.same(told, ['claim one: no connection', 'touch one,two: no connection'])
  t.ok(reader.reachable, 'a refused claim or touch says nothing of reads')

  const reading = reader.ask(['one'])
  await clock.turn()
  await reading?.settled
  t.equal(reading?.answer('one'), undefined)
  t.equal(told.at(-1), 'unreachable: no connection')
  t.equal(store.asked, 4, 'claim, touch, read, probe')
})

t.test('G6: probes that fail at once are at most 100 ms apart, and not in a tight loop', async (t) => {
  const { reader, clock, store } = readerOn(new ThrowingTokenStore())
  reader.ask([ALL])
  await clock.turn()
  t.notOk(reader.reachable)
  const before = store.asked
  await clock.advance(10_000)
  const probes = store.asked - before
  t.ok(probes >= 100 && probes <= 400, `${probes} probes in 10 s`)

  store.broken = false
  await clock.advance(100)
  t.ok(reader.reachable, 'back at most 100 ms after the store is')
})

t.test('a busy event loop does not make the store unreachable', async (t) => {
  t.test('when a timer is late and the answer is there already', async (t) => {
    const { reader, clock, store, told } = readerOn(new HeldTokenStore(tokens()))
    const reading = reader.ask(['tenant:acme'])
    const claim = reader.claim('tenant:gamma')
    const touch = reader.touch(['tenant:acme'])
    await clock.turn()
    // The timers run first, as in Node; what has arrived meanwhile is looked at afterwards.
    const passed = clock.advance(10_000)
    store.next('read').answer()
    store.next('claim').answer()
    store.next('touch').answer()
    await passed

    t.ok(reader.reachable)
    t.equal(reading?.answer('tenant:acme'), 't1')
    t.match(await claim, { token: 'new 1' })
    t.equal(await touch, true)
    t.same(told, ['claim tenant:gamma: done', 'touch tenant:acme: done'])
  })

  t.test('nor does it keep an unreachable one from being found to answer', async (t) => {
    const { reader, clock, store } = await lost()
    const passed = clock.advance(250)
    store.next().answer()
    await passed
    t.ok(reader.reachable)
    t.same(store.held, [])
  })
})

t.test('a claim counts as asked for when it was asked for', async (t) => {
  const { reader, clock, store } = readerOn(new HeldTokenStore(tokens()))
  const askedAt = clock.now()
  const claim = reader.claim('tenant:gamma')
  reader.ask(['tenant:gamma'])
  await clock.advance(100)
  store.next('claim').answer()
  const claimed = await claim
  t.same(claimed, { token: 'new 1', order: 1, at: askedAt })
})

t.test('a touch that is refused, or not answered in time, resolves to false', async (t) => {
  const { reader, clock, store, told } = readerOn(new HeldTokenStore(tokens()))
  const refused = reader.touch(['one', 'two'])
  await settle()
  store.next('touch').fail(new Error('READONLY'))
  t.equal(await refused, false)
  t.same(told, ['touch one,two: READONLY'])
  t.ok(reader.reachable)

  let silent: boolean | undefined
  void reader.touch(['one']).then((touched) => {
    silent = touched
  })
  await clock.advance(249)
  t.equal(silent, undefined)
  await clock.advance(1)
  t.equal(silent, false, 'though the store never says anything')
  t.notOk(reader.reachable)
})

t.test('while the store is unreachable, nothing is claimed or touched', async (t) => {
  const { reader, clock, store } = readerOn(new HeldTokenStore())
  const reading = reader.ask([ALL])
  await clock.turn()
  await clock.advance(250)
  await reading?.settled
  t.equal(reader.ask([ALL]), undefined)
  await t.rejects(reader.claim(ALL), { code: UNREACHABLE })
  t.equal(await reader.touch([ALL]), false)
  t.same(
    store.held.map(({ kind }) => kind),
    ['read', 'read'],
  )
})

t.test('close ends all waits, asks nothing more, tells nothing more, and leaves no timer', async (t) => {
  t.test('while checks, a claim and a touch are under way', async (t) => {
    const { reader, clock, store, told, answered } = readerOn(new HeldTokenStore(tokens()))
    const sent = reader.ask(['tenant:acme'])
    await clock.turn()
    const gathering = reader.ask(['tenant:acme'])
    const claim = reader.claim('tenant:gamma')
    const touch = reader.touch(['tenant:acme'])
    reader.close()

    await Promise.all([sent?.settled, gathering?.settled])
    await t.rejects(claim, { code: UNREACHABLE })
    t.equal(await touch, false)
    t.equal(clock.timers, 0)
    await clock.turn()
    t.equal(store.held.length, 3, 'the check of the turn that was closed in was not sent')

    store.next('read').answer()
    store.next('claim').fail(new Error('closed'))
    store.next('touch').fail(new Error('closed'))
    await clock.advance(1000)
    t.same(told, [])
    t.same(answered, [])
    t.ok(reader.reachable)

    t.equal(reader.ask(['tenant:acme']), undefined)
    await t.rejects(reader.claim('tenant:acme'), { code: UNREACHABLE })
    t.equal(await reader.touch(['tenant:acme']), false)
    await clock.turn()
    t.same(store.held, [])
    t.equal(clock.timers, 0)
  })

  t.test('while a read is under way that rejects because the store is closed', async (t) => {
    const { reader, clock, store, told } = readerOn(new HeldTokenStore(tokens()))
    reader.ask(['tenant:acme'])
    await clock.turn()
    reader.close()
    store.next().fail(new Error('closed'))
    await settle()
    t.same(told, [])
  })

  for (const answer of ['answer', 'fail'] as const) {
    t.test(`while a probe is under way that will ${answer}`, async (t) => {
      const { reader, clock, store, told } = await lost()
      reader.close()
      t.equal(clock.timers, 0)
      store.next()[answer](new Error('closed'))
      await clock.advance(1000)
      t.same(store.held, [])
      t.same(told, ['unreachable: the wall is gone'])
      t.equal(clock.timers, 0)
    })
  }

  t.test('while the next probe waits for its time', async (t) => {
    const { reader, clock, store } = await lost()
    store.next().fail(new Error('still gone'))
    await settle()
    reader.close()
    t.equal(clock.timers, 0)
    await clock.advance(1000)
    t.same(store.held, [])
  })
})
