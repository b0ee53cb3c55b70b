import t from 'tap'
import { DisturbanceLog } from '../src/disturbance-log.ts'
import type { Exchange } from '../src/exchange.ts'
import { Judge } from '../src/judge.ts'
import { TenantHistory } from '../src/tenant-history.ts'

const TENANT = { index: 0, id: 'load-0001', hostname: 'load-0001.localhost', version: 1 }

/** What the sample server answers for that tenant; `fields` replace some. */
function bodyOf(token: string, sequence: number, fields: object = {}): string {
  const name = `load-0001 #${sequence}`
  const load = { tenant: 'load-0001', sequence }
  const tenant = { tagline: name, load, id: 'load-0001', name, hostnames: ['load-0001.localhost'], ...fields }
  return JSON.stringify({ tenant, token, builtAt: '2026-11-22T12:00:00.000Z', replica: 'replica-1' })
}

/** A good one, of restart 7 and configuration 3, sent at 1000 and answered at 1010. */
function exchange(changes: Partial<Exchange> = {}): Exchange {
  return {
    tenant: TENANT,
    dispatchedAt: 990,
    sentAt: 1000,
    endedAt: 1010,
    required: { id: 7, sequence: 3 },
    sentTo: undefined,
    status: 200,
    token: '7.x',
    replica: 'replica-1',
    server: undefined,
    body: bodyOf('7.x', 3),
    error: undefined,
    ...changes,
  }
}

/** Restart 5 resolved at 500 and changed nothing; 7 resolved at 900, and had brought configuration 3. */
function historyOf(): TenantHistory {
  const history = new TenantHistory()
  history.add({ id: 4, sequence: 2, resolvedAt: 100 })
  history.add({ id: 5, sequence: 2, resolvedAt: 500 })
  history.add({ id: 7, sequence: 3, resolvedAt: 900 })
  return history
}

const answered = (token: string, sequence: number, fields: object = {}): Partial<Exchange> => ({
  token,
  body: bodyOf(token, sequence, fields),
})

/** Notes what was done, and when. */
type Disturb = (log: DisturbanceLog, at: (time: number) => void) => void

interface Case {
  readonly name: string
  readonly exchange?: Partial<Exchange>
  readonly maxAgeMs?: number
  readonly disturb?: Disturb
  /** Answers that came before, and judged good. */
  readonly before?: readonly Partial<Exchange>[]
  readonly expected: object
}

/** Each replica in `back` reaches the store again at its time, and at `to` all do. */
const outageFrom =
  (from: number, to?: number, back: Readonly<Record<string, number>> = {}): Disturb =>
  (log, at) => {
    at(from)
    const begun = log.begin('outage')
    for (const [replica, time] of Object.entries(back)) {
      at(time)
      begun.isOverFor(replica)
    }
    if (to === undefined) return
    at(to)
    begun.end()
  }

const killAt =
  (time: number): Disturb =>
  (log, at) => {
    at(time - 50)
    const begun = log.begin('kill')
    at(time)
    begun.concerns('replica-1')
    at(time + 2000)
    begun.end()
  }

const REFUSED = {
  status: 503,
  body: '{"statusCode":503,"code":"TENANTRY_ERR_STORE_UNREACHABLE","message":"…"}',
}
const CUT = {
  status: undefined,
  error: Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }),
}
const GOOD = { kind: 'good' }

/** Of restart 5, sent at 800 and answered at 810: good, since 7 had not resolved yet. */
const EARLIER: Partial<Exchange> = {
  sentAt: 800,
  endedAt: 810,
  required: { id: 4, sequence: 2 },
  ...answered('5.x', 2),
}

const CASES: readonly Case[] = [
  { name: 'what is required is good', expected: GOOD },
  { name: 'so is what is newer', exchange: answered('8.x', 4), expected: GOOD },
  {
    name: 'a claimed token has no number, which is told: only the configuration can be compared',
    exchange: answered('claimed', 3),
    expected: { kind: 'claimed' },
  },
  {
    name: 'under a claimed token, too, an old configuration is stale',
    exchange: answered('claimed', 2),
    expected: {
      kind: 'stale',
      message: /expected restart 7 and configuration #3 .* had resolved 100\.0 ms before/,
    },
  },
  {
    name: 'an old token is stale, although the configuration is the same',
    exchange: { required: { id: 5, sequence: 2 }, sentAt: 600, ...answered('4.x', 2) },
    expected: {
      kind: 'stale',
      message: /restart 5 .* got the token 4\.x and #2: .* resolved 100\.0 ms before/,
    },
  },
  {
    name: 'the age is that of the oldest restart that was missed',
    exchange: answered('4.x', 2),
    expected: { kind: 'stale', message: /500\.0 ms before/ },
  },
  {
    name: 'a token with an older configuration than its restart came with is stale (R1)',
    exchange: answered('7.x', 2),
    expected: { kind: 'stale', message: /configuration #3 or later under the token 7\.x, got #2/ },
  },
  {
    name: 'nothing excuses that',
    exchange: answered('7.x', 2),
    maxAgeMs: 10_000,
    disturb: outageFrom(0),
    expected: { kind: 'stale' },
  },
  {
    name: 'within the age that is allowed, what is old is allowed',
    exchange: answered('5.x', 2),
    maxAgeMs: 101,
    expected: { kind: 'allowed', why: 'maxAge', ageMs: 100 },
  },
  {
    name: 'at that age it is not any more',
    exchange: answered('5.x', 2),
    maxAgeMs: 100,
    expected: { kind: 'stale' },
  },
  {
    name: 'the oldest missed one decides, not the last',
    exchange: answered('4.x', 2),
    maxAgeMs: 101,
    expected: { kind: 'stale' },
  },
  {
    name: 'in an outage that goes on, what is old is allowed (G6)',
    exchange: answered('5.x', 2),
    disturb: outageFrom(1005),
    expected: { kind: 'allowed', why: 'outage', ageMs: 100 },
  },
  {
    name: 'also to a request that was sent while there still was one',
    exchange: answered('5.x', 2),
    disturb: outageFrom(200, 1000),
    expected: { kind: 'allowed', why: 'outage' },
  },
  {
    name: 'after an outage it is not',
    exchange: answered('5.x', 2),
    disturb: outageFrom(200, 999),
    expected: { kind: 'stale' },
  },
  {
    name: 'before one neither',
    exchange: answered('5.x', 2),
    disturb: outageFrom(1011),
    expected: { kind: 'stale' },
  },
  {
    name: 'for the replica that reaches the store again, the outage is over',
    exchange: answered('5.x', 2),
    disturb: outageFrom(200, 5000, { 'replica-1': 999 }),
    expected: { kind: 'stale' },
  },
  {
    name: 'not before',
    exchange: answered('5.x', 2),
    disturb: outageFrom(200, 5000, { 'replica-1': 1000 }),
    expected: { kind: 'allowed', why: 'outage' },
  },
  {
    name: 'and not for another one',
    exchange: answered('5.x', 2),
    disturb: outageFrom(200, 5000, { 'replica-2': 300 }),
    expected: { kind: 'allowed', why: 'outage' },
  },
  {
    name: 'a replica that has shown a newer tenant may not go back, whatever is allowed (G6)',
    before: [EARLIER],
    exchange: answered('4.x', 2),
    maxAgeMs: 10_000,
    disturb: outageFrom(0),
    expected: {
      kind: 'stale',
      message:
        'expected restart 5 and configuration #2 or later, as replica-1 had shown, got the token 4.x and #2',
    },
  },
  {
    name: 'nor to an older configuration',
    before: [{ ...EARLIER, ...answered('claimed', 3) }],
    exchange: answered('claimed', 2),
    disturb: outageFrom(0),
    expected: { kind: 'stale', message: /as replica-1 had shown/ },
  },
  {
    name: 'what it has shown in turn counts, also when something newer came later',
    before: [EARLIER, { ...EARLIER, endedAt: 1005, ...answered('8.x', 4) }],
    exchange: answered('4.x', 2),
    disturb: outageFrom(0),
    expected: { kind: 'stale', message: /restart 5 .* as replica-1 had shown/ },
  },
  {
    name: 'it may show the same again',
    before: [EARLIER],
    exchange: answered('5.x', 2),
    disturb: outageFrom(0),
    expected: { kind: 'allowed', why: 'outage' },
  },
  {
    name: 'a request that was sent before that answer had come may have held the older one',
    before: [{ ...EARLIER, endedAt: 1000 }],
    exchange: answered('4.x', 2),
    disturb: outageFrom(0),
    expected: { kind: 'allowed', why: 'outage' },
  },
  {
    name: 'another replica may lag behind',
    before: [
      { ...EARLIER, replica: 'replica-2', body: EARLIER.body?.replace('replica-1', 'replica-2') ?? '' },
    ],
    exchange: answered('4.x', 2),
    disturb: outageFrom(0),
    expected: { kind: 'allowed', why: 'outage' },
  },
  {
    name: 'another tenant is wrong',
    exchange: { body: bodyOf('7.x', 3).replaceAll('load-0001', 'load-0002') },
    expected: { kind: 'wrong', message: 'expected load-0001, got load-0002' },
  },
  {
    name: 'so is one that no load test has made',
    exchange: { body: '{"tenant":{"id":"acme","name":"Acme","hostnames":["acme.example"]},"token":"1.x"}' },
    expected: { kind: 'wrong', message: 'expected load-0001, got acme' },
  },
  {
    name: 'the id of another tenant over this configuration is torn',
    exchange: answered('7.x', 3, { id: 'load-0002' }),
    expected: { kind: 'torn', message: /got load-0002, load-0001\.localhost and load-0001$/ },
  },
  {
    name: 'so are the host names of another',
    exchange: answered('7.x', 3, { hostnames: ['load-0002.localhost'] }),
    expected: { kind: 'torn' },
  },
  {
    name: 'so is the configuration of another',
    exchange: answered('7.x', 3, { load: { tenant: 'load-0002', sequence: 3 } }),
    expected: { kind: 'torn' },
  },
  {
    name: 'so is a name of another configuration',
    exchange: answered('7.x', 3, { name: 'load-0001 #4' }),
    expected: {
      kind: 'torn',
      message: 'expected "load-0001 #3" twice, got "load-0001 #4" and "load-0001 #3"',
    },
  },
  {
    name: 'so is a tagline of another tenant',
    exchange: answered('7.x', 3, { tagline: 'load-0002 #3' }),
    expected: { kind: 'torn' },
  },
  {
    name: 'so is a head with another token than the body',
    exchange: { token: '6.x' },
    expected: { kind: 'torn' },
  },
  { name: 'so is one without', exchange: { token: undefined }, expected: { kind: 'torn' } },
  { name: 'so is a head of another replica', exchange: { replica: 'replica-2' }, expected: { kind: 'torn' } },
  {
    name: 'another status has failed',
    exchange: { status: 500, body: 'Oh no' },
    expected: { kind: 'failed', why: 'unexplained', message: 'expected 200, got 500: Oh no' },
  },
  {
    name: 'no answer has failed',
    exchange: CUT,
    expected: {
      kind: 'failed',
      why: 'unexplained',
      message: 'expected an answer, got UND_ERR_SOCKET: other side closed',
    },
  },
  {
    name: 'half an answer has failed',
    exchange: { error: CUT.error },
    expected: { kind: 'failed', message: /closed$/ },
  },
  {
    name: 'a whole answer that is no JSON is torn',
    exchange: { body: '{' },
    expected: { kind: 'torn', message: /^expected .* for load-0001, got \{$/ },
  },
  {
    name: 'so are two in one',
    exchange: { body: bodyOf('7.x', 3) + bodyOf('7.x', 3) },
    expected: { kind: 'torn' },
  },
  { name: 'so is one without a tenant', exchange: { body: '{"tenant":{}}' }, expected: { kind: 'torn' } },
  { name: 'so is nothing', exchange: { body: 'null' }, expected: { kind: 'torn' } },
  {
    name: 'so is this tenant without its load',
    exchange: answered('7.x', 3, { load: undefined }),
    expected: { kind: 'torn' },
  },
  {
    name: 'that its replica was killed meanwhile explains a failure',
    exchange: { ...CUT, sentTo: 'replica-1' },
    disturb: killAt(1005),
    expected: { kind: 'failed', why: 'byKill' },
  },
  {
    name: 'also of one that waited for a connection to it',
    exchange: { ...CUT, sentTo: 'replica-1' },
    disturb: killAt(995),
    expected: { kind: 'failed', why: 'byKill' },
  },
  {
    name: 'but not what it has answered of its own, and whole',
    exchange: { status: 500, sentTo: 'replica-1' },
    disturb: killAt(1005),
    expected: { kind: 'failed', why: 'unexplained' },
  },
  {
    name: 'a balancer may say whose it was',
    exchange: { status: 502, server: 'replica-1', replica: undefined },
    disturb: killAt(1000),
    expected: { kind: 'failed', why: 'byKill' },
  },
  {
    name: 'so may the head of half an answer',
    exchange: { error: CUT.error, replica: 'replica-1' },
    disturb: killAt(1010),
    expected: { kind: 'failed', why: 'byKill' },
  },
  {
    name: 'that another one was killed explains nothing',
    exchange: { ...CUT, sentTo: 'replica-2' },
    disturb: killAt(1005),
    expected: { kind: 'failed', why: 'unexplained' },
  },
  {
    name: 'nor does it explain that the dead was asked later',
    exchange: { ...CUT, sentTo: 'replica-1' },
    disturb: killAt(989),
    expected: { kind: 'failed', why: 'unexplained' },
  },
  {
    name: 'nor what had failed before',
    exchange: { ...CUT, sentTo: 'replica-1' },
    disturb: killAt(1011),
    expected: { kind: 'failed', why: 'unexplained' },
  },
  {
    name: 'an outage explains that a tenant cannot be checked (G6)',
    exchange: REFUSED,
    disturb: outageFrom(900),
    expected: { kind: 'failed', why: 'byOutage' },
  },
  {
    name: 'and nothing else',
    exchange: { status: 500 },
    disturb: outageFrom(900),
    expected: { kind: 'failed', why: 'unexplained' },
  },
  {
    name: 'nor once its replica reaches the store again',
    exchange: REFUSED,
    disturb: outageFrom(900, 5000, { 'replica-1': 999 }),
    expected: { kind: 'failed', why: 'unexplained' },
  },
  { name: 'without an outage, it is not explained', exchange: REFUSED, expected: { why: 'unexplained' } },
]

t.test('verdicts', async (t) => {
  for (const { name, exchange: changes, before = [], maxAgeMs = 0, disturb, expected } of CASES) {
    let now = 0
    const disturbances = new DisturbanceLog(() => now)
    disturb?.(disturbances, (time) => {
      now = time
    })
    const judge = new Judge({ maxAgeMs, disturbances, storeMayForget: true })
    const history = historyOf()
    for (const earlier of before) judge.judge(exchange(earlier), history)
    t.match(judge.judge(exchange(changes), history), expected, name)
  }
})

t.test('where nothing can be lost, a claimed token is stale', async (t) => {
  const judge = new Judge({ maxAgeMs: 0, disturbances: new DisturbanceLog(), storeMayForget: false })
  t.match(judge.judge(exchange(answered('claimed', 3)), historyOf()), {
    kind: 'stale',
    message: /expected the token of restart 7 or a later one, got claimed/,
  })
  const early = exchange({ required: { id: 0, sequence: 0 }, ...answered('claimed', 3) })
  t.match(judge.judge(early, new TenantHistory()), GOOD, 'but not before one was written')
})

t.test('what is required', async (t) => {
  const history = new TenantHistory()
  t.same(history.required, { id: 0, sequence: 0 }, 'at first, nothing')
  history.add({ id: 4, sequence: 2, resolvedAt: 100 })
  t.same(history.required, { id: 4, sequence: 2 })
  const before = history.required
  history.add({ id: 9, sequence: 3, resolvedAt: undefined })
  t.equal(history.required, before, 'a restart that is pending requires nothing')
  t.equal(history.sequenceAt(9), 3, 'but it tells what was committed by then')
  t.equal(history.sequenceAt(8), 2)
  t.equal(history.sequenceAt(3), 0)
  t.ok(history.has(9) && history.has(4), 'pending or not, it is known')
  t.notOk(history.has(8) || history.has(3) || history.has(10))
  history.add({ id: 7, sequence: 2, resolvedAt: 300 })
  t.same(history.required, { id: 7, sequence: 2 }, 'they need not come in their order')
  history.add({ id: 9, sequence: 3, resolvedAt: 400 })
  t.same(history.required, { id: 9, sequence: 3 }, 'until it is written')
  history.add({ id: 8, sequence: 2, resolvedAt: 500 })
  t.same(history.required, { id: 9, sequence: 3 }, 'what is outdone requires nothing more')
  t.equal(history.sequenceAt(9), 3, 'and takes nothing back')

  t.equal(history.oldestMissed({ id: 4, sequence: 2 }, 600), 300)
  t.equal(history.oldestMissed({ id: 4, sequence: 2 }, 300), 300, 'only what had resolved by then')
  t.equal(history.oldestMissed({ id: 4, sequence: 2 }, 299), undefined)
  t.equal(
    history.oldestMissed({ id: undefined, sequence: 2 }, 600),
    400,
    'a claimed token: of the configurations',
  )
  t.equal(history.oldestMissed({ id: 9, sequence: 3 }, 600), undefined)
})

t.test('a kill is of the replica that is named, from when it is named', async (t) => {
  let now = 100
  const log = new DisturbanceLog(() => now)
  const begun = log.begin('kill')
  t.notOk(log.wasKilled('replica-1', 0, 1000), 'nobody is named yet')
  now = 200
  begun.concerns('replica-1')
  now = 300
  begun.concerns('replica-1')
  t.same(log.list(50), [{ kind: 'kill', from: 0.05, to: 0.25, subject: 'replica-1' }], 'it ends now')
  now = 400
  begun.end()
  now = 500
  t.same(log.list(50), [{ kind: 'kill', from: 0.05, to: 0.35, subject: 'replica-1' }])
  t.ok(log.wasKilled('replica-1', 200, 200))
  t.notOk(log.wasKilled('replica-1', 201, 400))
  t.notOk(log.hadOutage('replica-1', 0, 1000))
  t.notOk(log.hadOutage(undefined, 0, 1000))
})
