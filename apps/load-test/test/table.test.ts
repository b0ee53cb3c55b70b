import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { progress, type RunProgress } from '../src/progress.ts'
import type { Results } from '../src/results.ts'
import { table } from '../src/table.ts'
import { writeResults } from '../src/write-results.ts'
import { brokenResults, EVERY_DISTURBANCE, sampleResults } from './support/sample-results.ts'

t.test('the verdict comes first', async (t) => {
  const [verdict, sentence] = table(sampleResults()).split('\n')
  t.match(verdict, /^PASSED: 0 stale, 0 failed, 0 torn, 0 wrong in 1,\d\d\d,\d\d\d requests$/)
  t.equal(
    sentence,
    'Every answer was whole, of the right tenant, and built after the last restart before it.',
  )
  t.match(table(brokenResults()), /^BROKEN: 410 stale, 0 failed, 1 torn, 0 wrong in /)
})

t.test('stale, torn and wrong break a run, each by itself', async (t) => {
  const verdicts = { stale: 0, failed: 0, torn: 0, wrong: 0 }
  for (const kind of ['stale', 'torn', 'wrong']) {
    t.match(table(sampleResults({}, { verdicts: { ...verdicts, [kind]: 1 } })), /^BROKEN: .*1 /, kind)
  }
})

t.test('failures that the run made itself are explained, others are not passed over', async (t) => {
  const failing = (failures: Results['failures']) =>
    table(sampleResults({}, { verdicts: { stale: 0, failed: 1200, torn: 0, wrong: 0 }, failures }))
  const explained = failing({ byKill: 1000, byOutage: 200, unexplained: 0 })
  t.match(explained, /^PASSED: 0 stale, 1,200 failed/)
  t.match(joined(explained), '1,200 requests failed, all because a replica was killed or the store was away.')
  t.match(explained, /By a kill +1,000 /)
  t.match(explained, /By the outage +200 /)
  const unexplained = failing({ byKill: 1199, byOutage: 0, unexplained: 1 })
  t.match(unexplained, /^PASSED, WITH FAILURES: /)
  t.match(joined(unexplained), 'but 1 request failed for a reason that nobody knows')
})

t.test('a run that ended before its time says so, and why', async (t) => {
  const early = table(sampleResults({}, { endedEarly: 'replica-1 ended with 1, not with 0\n  its log' }))
  t.match(joined(early), /^PASSED: .* It ended before its time: replica-1 ended with 1, not with 0\. /)
  t.notMatch(table(sampleResults()), 'before its time')
})

t.test('a run without answers or without restarts proves nothing, and says so', async (t) => {
  const restarts = { plain: 0, changes: 0, pending: 0, failed: 12 }
  t.match(table(sampleResults({}, { restarts })), /^PROVES NOTHING: .*\nNo restart had resolved/)
  const pending = { plain: 7, changes: 5, pending: 12, failed: 0 }
  t.match(table(sampleResults({}, { restarts: pending })), /^PROVES NOTHING: .*\nNo restart had resolved/)
  t.match(table(sampleResults({ seconds: 0 })), /^PROVES NOTHING: .* in 0 requests\nNo request was answered/)
  const verdicts = { stale: 0, failed: 30, torn: 0, wrong: 0 }
  const refused = sampleResults({}, { requests: 30, verdicts })
  t.match(table(refused), /^PROVES NOTHING: .*30 failed.*\nNo request was answered/)
})

t.test('numbers have thousands separators and units, and what is unknown is not told as 0', async (t) => {
  const results = sampleResults()
  const whole = table({
    ...results,
    requests: 1_204_331,
    requestsPerSecond: 20_071.6,
    seconds: 60.004,
    latency: { mean: 0.995, p50: 0.4321, p90: 9.96, p99: 99.47, p999: 1204.4, max: 31_000 },
    restarts: { plain: 301, changes: 297, pending: 3, failed: 2 },
    cost: {
      ...results.cost,
      builds: 2392,
      loads: 2392,
      lookups: 100,
      redisPer100Requests: 13.68,
      replicaCpuUs: 91.42,
    },
  })
  t.match(whole, /Throughput +20,072 requests\/s +1,204,331 requests in 60\.0 s\n/)
  t.match(whole, /Latency, median +0\.43 ms +mean 1\.0 ms\n/)
  t.match(whole, /Latency, p99 +99\.5 ms +p90 10\.0 ms, p99\.9 1,204 ms, longest 31,000 ms\n/)
  t.match(whole, /Restarts +598 +301 plain, 297 with a changed configuration\n/)
  t.match(whole, /Written later +3 .*\n +Not restarted +2 /)
  t.match(whole, /Until the last replica +21\.6 ms median +p99 64\.9 ms, longest 132 ms, of \d+ restarts\n/)
  t.match(
    whole,
    /Builds +2,392 +4\.0 for each restart, on all replicas, with the\s+first build of each tenant\n/,
  )
  t.notMatch(whole, 'Not at every replica')
  const open = table({ ...results, convergence: { ...results.convergence, open: 3 } })
  t.match(joined(open), /Not at every replica +3 +when the run ended: a replica that was serving/)
  t.match(whole, /Reads of the authority +2,492 +2,392 loads, 100 lookups; 0\.21 for 100 requests\n/)
  t.match(whole, /Redis commands +13\.7 +for 100 requests, MGET 98\.\d %, HSET 0\.\d %\n/)
  t.match(whole, /CPU of the replicas +91\.4 µs +for each request$/m)
  const unasked = table({ ...results, cost: { replicas: [] } })
  for (const name of ['Builds', 'Reads of the authority', 'Redis commands', 'CPU of the replicas']) {
    t.match(unasked, new RegExp(`${name} +could not be asked for\n`.replace('\n', '(\n|$)')))
  }
})

t.test('old answers that are allowed are told, with their age', async (t) => {
  const results = sampleResults()
  const aged = table({
    ...results,
    settings: { ...results.settings, maxAgeMs: 50 },
    allowed: { ...results.allowed, withinMaxAge: 1300, oldestWithinMaxAgeMs: 48.7 },
  })
  const lost = table({ ...results, allowed: { ...results.allowed, unchecked: 12, oldestUncheckedMs: 310 } })
  t.match(
    joined(lost),
    /A replica lost the store +12 answers +by itself, and did not check; up to 310 ms after/,
  )
  const claimed = table({ ...results, allowed: { ...results.allowed, claimed: 7 } })
  t.match(claimed, /Under a claimed token +7 answers +the store had lost a token/)
  t.match(joined(claimed), 'no older than it may be')
  t.match(aged, 'checks up to 50 ms old')
  t.match(aged, /Within the age of a check +1,300 answers +up to 48\.7 ms after the restart that it missed/)
  t.match(joined(aged), 'no older than it may be')
  const outage = table(sampleResults({ disturbances: EVERY_DISTURBANCE }))
  t.match(outage, /While the store was away +[\d,]+ answers +up to 2,874 ms after/)
  t.match(outage, /\n {2}44\.3 s to 48\.8 s: the store was kept away$/)
  t.match(outage, '\n  32.0 s to 32.1 s: replica-2 was killed\n')
  t.notMatch(table(results), 'allowed to be')
})

t.test(
  'no line is wider than 100 columns, and nothing that it was sent is obeyed by the terminal',
  async (t) => {
    const long = 'x'.repeat(260)
    const sent = `a \u001b[31mred\u001b[0m \u202ename\r\nBROKEN `
    const results = brokenResults({
      scene: `${sent}${long}`,
      disturbances: [...EVERY_DISTURBANCE, { kind: 'kill', from: 50, to: 51, subject: sent + long }],
      findings: Array.from({ length: 50 }, (_, index) => ({
        at: index,
        kind: 'wrong' as const,
        tenant: sent,
        replica: long,
        message: `${sent} ${'and so on '.repeat(30)}`,
      })),
    })
    const shown = table(results)
    for (const line of shown.split('\n')) t.ok(line.length <= 100, line)
    t.notMatch(shown, /[^\P{Cc}\n]|\u202e/u)
    t.match(shown, 'a \ufffd[31mred\ufffd[0m \ufffdname\ufffd\ufffdBROKEN')
    t.match(shown, /\n {2}and 42 more in the files$/)
  },
)

t.test('where there is no terminal, a line tells how far the run is, each ten seconds of it', async (t) => {
  const stream = new PassThrough()
  const shown = progress(stream)
  for (const seconds of [0.2, 9.9, 10.1, 10.3, 19.9, 43, 49.9, 50]) shown.show(runAt(seconds))
  shown.show({ ...runAt(60), stale: 3, failed: 1200, doing: 'replica-2 was killed' })
  shown.end()
  stream.end()
  t.same((await text(stream)).split('\n'), [
    '10.1 s (16 %): all well, 202,000 requests, 20,000/s, 101 restarts',
    '43.0 s (71 %): all well, 860,000 requests, 20,000/s, 430 restarts',
    '50.0 s (83 %): all well, 1,000,000 requests, 20,000/s, 500 restarts',
    '60.0 s (100 %): replica-2 was killed, 3 stale, 1,200 failed, 1,200,000 requests, 20,000/s, 600 restarts',
    '',
  ])
})

t.test('on a terminal there is a bar, and nothing of it stays switched on', async (t) => {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 160 })
  const listeners = process.listenerCount('exit')
  const shown = progress(stream)
  shown.show(runAt(6))
  shown.show({ ...runAt(59.9), torn: 1 })
  shown.end()
  t.equal(process.listenerCount('exit'), listeners)
  stream.end()
  const written = await text(stream)
  t.match(written, /\[=+-+\] 10 % {2}6\.0 s {2}all well, 120,000 requests, 20,000\/s, 60 restarts/)
  t.match(written, /\[=+-*\] 99 % {2}59\.9 s {2}1 torn, 1,198,000 requests/)
  t.ok(written.lastIndexOf('\u001b[?7h') > written.lastIndexOf('\u001b[?7l'), 'lines are wrapped')
  const none = progress(Object.assign(new PassThrough(), { isTTY: true }))
  none.end()
})

t.test('the results are written as JSON and as a page, named after the start', async (t) => {
  const results = sampleResults()
  const directory = join(t.testdir(), 'not', 'there yet')
  const paths = await writeResults(results, directory)
  t.same(paths, {
    json: join(directory, '2026-11-22T192600.000Z.json'),
    html: join(directory, '2026-11-22T192600.000Z.html'),
  })
  t.same(JSON.parse(await readFile(paths.json, 'utf8')), results)
  t.match(await readFile(paths.html, 'utf8'), /^<!doctype html>[\s\S]*<\/html>\n$/)
  const { json } = await writeResults(results, '.tap/load-test-results')
  t.equal(json, resolve('.tap/load-test-results/2026-11-22T192600.000Z.json'), 'a relative one is resolved')
})

t.test('a directory that cannot be written to is named, with the reason', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'file')
  await writeFile(file, '')
  const refusal = {
    message: `Expected to write the results to ${file}, got: EEXIST`,
    cause: { code: 'EEXIST' },
  }
  await t.rejects(writeResults(sampleResults(), file), {
    ...refusal,
    message: new RegExp(`^${refusal.message}`),
  })
  await mkdir(join(directory, '2026-11-22T192600.000Z.html'))
  await t.rejects(writeResults(sampleResults(), directory), { message: /got: EISDIR/ })
})

function runAt(seconds: number): RunProgress {
  return {
    requests: 20_000 * seconds,
    seconds,
    share: seconds / 60,
    requestsPerSecond: 20_000,
    failed: 0,
    stale: 0,
    torn: 0,
    wrong: 0,
    restarts: Math.round(10 * seconds),
    doing: undefined,
  }
}

/** Sentences are broken where a line ends. */
function joined(lines: string): string {
  return lines.replaceAll('\n', ' ')
}
