import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { pathOf } from './support/start-example.ts'

const examples = readdirSync(pathOf('.')).filter((file) => file.endsWith('.js'))
const tests = readdirSync(pathOf('test')).filter((file) => file.endsWith('.test.ts'))
const sources = tests.map((file) => readFileSync(pathOf(`test/${file}`), 'utf8')).join('\n')

t.test('every example is started by a test', async (t) => {
  const started = sources.matchAll(/(?:startExample|runExample|serve)\(t, '([\w-]+\.js)'/g)
  t.same([...new Set(Array.from(started, ([, file]) => file))].sort(), examples.sort())
})

t.test('every example has a row in the README, and none is gone', async (t) => {
  const rows = readFileSync(pathOf('README.md'), 'utf8').matchAll(
    /^\| \[`([\w-]+\.js)`\]\(([\w-]+\.js)\) \|/gm,
  )
  const listed = Array.from(rows, ([, name, file]) => {
    t.equal(name, file)
    return file
  })
  t.same(listed.sort(), examples.sort())
})

for (const file of examples) {
  t.test(`${file} says how to run it`, async (t) => {
    const [, header = ''] =
      /^\/\/ @ts-check\n\/\*\*\n(.*?)\*\//s.exec(readFileSync(pathOf(file), 'utf8')) ?? []
    t.ok(new RegExp(`node (--test )?examples/${file}\\b`).test(header), header)
  })
}
