import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startProcess } from '@tenantry/testing'
import t from 'tap'

const script = fileURLToPath(new URL('../dist/flood.js', import.meta.url))

t.test(
  'each subject is asked for its tenants with a flood of strangers beside it, and without',
  async (t) => {
    const json = join(t.testdir(), 'samples.json')
    const run = await startProcess(process.execPath, [script, '--quick', '--json', json])
    t.equal(await run.exit, 0, run.lines.join('\n'))
    const printed = run.lines.join('\n')
    t.match(printed, /\| bare Fastify +\| \d+\.\d\d \(/)
    t.match(printed, /\| `hostDirectory` +\| \d+\.\d\d \(/)

    const { rounds } = JSON.parse(await readFile(json, 'utf8'))
    for (const name of ['bare', 'directory']) {
      t.equal(rounds[name].length, 2)
      for (const { without, beside, flood } of rounds[name]) {
        t.ok(without.p99 > 0 && beside.p99 > 0)
        t.ok(flood.answers[404] > 0, 'strangers are answered')
        t.notOk(flood.answers[200], 'and no tenant is given to them')
      }
    }
  },
)

t.test('a mistaken option ends the run with what was expected', async (t) => {
  const run = await startProcess(process.execPath, [script, '--flood', 'much'])
  t.equal(await run.exit, 1)
  t.match(run.lines.join('\n'), 'Expected --flood to be at least 1, got "much"')
})
