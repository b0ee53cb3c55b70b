import t from 'tap'
import { DisturbanceLog } from '../src/disturbance-log.ts'
import type { Exchange } from '../src/exchange.ts'
import { Judge, type Verdict } from '../src/judge.ts'
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
  readonly expected: object
}

const outageFrom =
  (from: number, to?: number): Disturb =>
  (log, at) => {
    at(from)
    const begun = log.begin('outage')
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

const CASES: readonly Case[] = [
  { name: 'what is required is good', expected: GOOD },
  { name: 'so is what is newer', exchange: answered('8.x', 4), expected: GOOD },
  {
    name: 'a claimed token has no number: the configuration counts',
    exchange: answered('claimed', 3),
    expected: GOOD,
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
    name: 'another tenant is wrong',
    exchange: { body: bodyOf('7.x', 3).replaceAll('load-0001', 'load-0002') },
    expected: { kind: 'wrong', message: 'expected load-0001, got load-0002' },
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
    name: 'what is no JSON has failed',
    exchange: { body: '{' },
    expected: { kind: 'failed', message: /got \{$/ },
  },
  {
    name: 'so has what is of no such tenant',
    exchange: { body: '{"tenant":{}}' },
    expected: { kind: 'failed' },
  },
  { name: 'so has nothing', exchange: { body: 'null' }, expected: { kind: 'failed' } },
  {
    name: 'that its replica was killed meanwhile explains a failure',
    exchange: { ...CUT, sentTo: 'replica-1' },
    disturb: killAt(1005),
    expected: { kind: 'failed', why: 'byKill' },
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
    disturb: killAt(999),
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
  { name: 'without an outage, it is not explained', exchange: REFUSED, expected: { why: 'unexplained' } },
]

t.test('verdicts', async (t) => {
  for (const { name, exchange: changes, maxAgeMs = 0, disturb, expected } of CASES) {
    let now = 0
    const disturbances = new DisturbanceLog(() => now)
    disturb?.(disturbances, (time) => {
      now = time
    })
    const verdict: Verdict = new Judge({ maxAgeMs, disturbances }).judge(exchange(changes), historyOf())
    t.match(verdict, expected, name)
  }
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
  t.notOk(log.hadOutage(0, 1000))
})
