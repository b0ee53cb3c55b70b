import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startProcess } from '@tenantry/testing'
import t from 'tap'
import { sampleOf } from '../src/measure.ts'
import { readOptions } from '../src/options.ts'
import { parseUsage } from '../src/redis-usage.ts'
import { bytesReport, cellReport, markdownTable } from '../src/report.ts'
import { middle, pairedRatios, percentile } from '../src/statistics.ts'

const script = fileURLToPath(new URL('../dist/bench.js', import.meta.url))

t.test('the median is the one in the middle, or the mean of the two', async (t) => {
  t.equal(middle([30, 1, 2]), 2)
  t.equal(middle([4, 1, 2, 30]), 3)
  t.equal(middle([7]), 7)
})

t.test('a percentile is a value that was there, and numbers are not sorted as text', async (t) => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index)
  t.equal(percentile(values, 0.5), 50)
  t.equal(percentile(values, 0.99), 99)
  t.equal(percentile(values, 1), 100)
  t.equal(percentile([7], 0.5), 7)
})

t.test('ratios are those of each round, not those of the medians', async (t) => {
  t.strictSame(pairedRatios([2, 30, 4], [1, 10, 4]), { middle: 2, least: 1, most: 3 })
  t.throws(() => pairedRatios([1], [1, 2]), { message: /as many rounds as the base has, 2; got 1/ })
})

t.test('what a run used up is divided by its requests', async (t) => {
  const before = { serverCpuUs: 1000, redis: { commands: 50, cpuUs: 100 } }
  const after = { serverCpuUs: 1200, redis: { commands: 51, cpuUs: 106 } }
  t.strictSame(sampleOf({ latencies: [1, 2, 3, 4], tookMs: 2 }, before, after), {
    cpuUs: 50,
    requestsPerSecond: 2000,
    p50: 2,
    p99: 4,
    redisCommands: 25,
    redisCpuUs: 1.5,
  })
})

t.test('of what Redis tells, the question itself does not count', async (t) => {
  const info = [
    'used_cpu_sys:1.500000',
    'used_cpu_user:2.250000',
    'used_cpu_sys_children:9.000000',
    'cmdstat_mget:calls=40,usec=93,usec_per_call=2.33,rejected_calls=0,failed_calls=0',
    'cmdstat_client|id:calls=2,usec=4,usec_per_call=2.00,rejected_calls=0,failed_calls=0',
    'cmdstat_info:calls=7,usec=300,usec_per_call=42.86,rejected_calls=0,failed_calls=0',
    'cmdstat_quit:calls=7,usec=7,usec_per_call=1.00,rejected_calls=0,failed_calls=0',
  ]
  t.strictSame(parseUsage(info.join('\r\n')), { commands: 42, cpuUs: 3_750_000 })
})

t.test('a cell is a table, with a row for each subject', async (t) => {
  const sample = { cpuUs: 20, requestsPerSecond: 10_000, p50: 1, p99: 2, redisCommands: 0, redisCpuUs: 0 }
  const samples = {
    bare: [sample, { ...sample, cpuUs: 10 }],
    'every-request': [
      { ...sample, redisCommands: 4 },
      { ...sample, redisCommands: 8 },
    ],
  }
  const report = cellReport({
    connections: 64,
    tenants: 10_000,
    atFullSpeed: samples,
    atFixedRate: { perSecond: 500, samples },
  })
  t.match(report, /^## 64 connections, 10,000 tenants\n/)
  t.match(report, /\n500 requests per second/)
  const rows = report.split('\n').filter((line) => line.includes('`every-request`'))
  const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()))
  const [ratio, same] = ['1.50 (1.00 to 2.00)', '1.00 (1.00 to 1.00)']
  const figures = ['20.0', '10000', '1.00', '2.00', '20', '6.0', '0.0']
  t.strictSame(cells, [
    ['', '`every-request`', ratio, same, same, same, ...figures, ''],
    ['', '`every-request`', ratio, same, same, ...figures, ''],
  ])
})

t.test('what a tenant itself takes up is not counted as the cost of holding it', async (t) => {
  const report = bytesReport({ bare: 200, 'every-request': 900 }, { tenants: 10, ofTenant: 150 })
  t.match(report, /\| `every-request` +\| 900 +\| 750 /)
})

t.test('a table lines up', async (t) => {
  const table = markdownTable([
    ['', 'figure'],
    ['subject', '1'],
  ])
  t.equal(table, '|         | figure |\n| ------- | ------ |\n| subject | 1      |')
})

t.test('options pick what is run', async (t) => {
  t.match(readOptions([]), { connections: [1, 8, 64, 512], tenants: [1, 100, 10_000] })
  t.match(readOptions(['--push']), {
    subjects: ['bare', 'every-request', 'max-age', 'push'],
    connections: [1, 8, 64],
  })
  t.match(readOptions(['--quick', '--connections', '64,8', '--rate', '0']), { connections: [64, 8], rate: 0 })
  t.strictSame(readOptions(['--subjects', 'lru,bare']).subjects, ['bare', 'lru'], 'the base comes first')
  t.throws(() => readOptions(['--tenants', '1,many']), {
    message: 'Expected --tenants to be at least 1, got "many"',
  })
  t.throws(() => readOptions(['--rounds', '1.5']), {
    message: 'Expected --rounds to be a whole number, got "1.5"',
  })
  t.throws(() => readOptions(['--subjects', 'nobody']), { message: /got "nobody"/ })
  t.throws(() => readOptions(['--conections', '1']), { message: /--conections/ })
})

t.test('a run prints its tables, and writes every sample down', async (t) => {
  const json = join(t.testdir(), 'samples.json')
  const cell = ['--connections', '2', '--tenants', '3', '--subjects', 'every-request']
  const brief = ['--rounds', '2', '--seconds', '0.1', '--bytes-tenants', '50']
  const run = await startProcess(process.execPath, [script, ...cell, ...brief, '--json', json])
  t.equal(await run.exit, 0, run.lines.join('\n'))
  const printed = run.lines.join('\n')
  t.match(printed, new RegExp(`Node ${process.version}`))
  t.match(printed, '## 2 connections, 3 tenants')
  t.match(printed, '## Bytes per cached tenant, of 50 tenants')

  const { cells, bytes } = JSON.parse(await readFile(json, 'utf8'))
  t.strictSame(Object.keys(bytes.perTenant), ['bare', 'every-request'])
  for (const samples of [cells[0].atFullSpeed, cells[0].atFixedRate.samples]) {
    for (const name of ['bare', 'every-request']) {
      t.equal(samples[name].length, 2)
      for (const { redisCommands, ...positive } of samples[name]) {
        for (const [figure, value] of Object.entries(positive))
          t.ok((value as number) >= 0, `${name}, ${figure}`)
        t.ok(redisCommands > 0 || name === 'bare', 'each request is checked')
      }
    }
  }
})

t.test('a mistaken option ends the run with what was expected', async (t) => {
  const run = await startProcess(process.execPath, [script, '--seconds', 'long'])
  t.equal(await run.exit, 1)
  t.match(run.lines.join('\n'), 'Expected --seconds to be at least 0.05, got "long"')
})
