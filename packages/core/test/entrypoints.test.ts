import { readFile } from 'node:fs/promises'
import ts from '@typescript/typescript6'
import t from 'tap'

const DIST = new URL('../dist/', import.meta.url)

/** All that the package may import: its one dependency, and built-ins that serve nobody and connect to nothing. */
const ALLOWED = [
  'lru-cache',
  'node:async_hooks',
  'node:crypto',
  'node:diagnostics_channel',
  'node:events',
  'node:url',
]

/** The suite judges as well, and runs under whatever test runner its user has. */
const ALLOWED_IN_SUITE = [
  ...ALLOWED,
  'node:assert',
  'node:assert/strict',
  'node:timers/promises',
  'node:util',
]

t.test('nothing reachable from the package knows an HTTP server, Redis or Postgres', async (t) => {
  const { files, modules } = await reach('index.js')
  t.ok(files.has(new URL('token.js', DIST).href), 'files of the package are followed')
  t.ok(modules.has('node:crypto'), 'other modules are noted')
  t.same([...modules].filter(notIn(ALLOWED)), [])
})

t.test('nor do its types', async (t) => {
  const { files, modules } = await reach('index.d.ts')
  t.ok(files.has(new URL('token.d.ts', DIST).href))
  t.same([...modules].filter(notIn(ALLOWED)), [])
})

t.test('what adapters share knows no HTTP server either', async (t) => {
  for (const entry of ['adapter.js', 'adapter.d.ts']) {
    const { files, modules } = await reach(entry)
    t.ok(files.size > 1, `${entry} has ${files.size} files`)
    t.same([...modules].filter(notIn(ALLOWED)), [])
  }
})

t.test('the suites import no test runner', async (t) => {
  for (const entry of ['store-suite.js', 'store-suite.d.ts', 'heartbeat-suite.js', 'heartbeat-suite.d.ts']) {
    const { files, modules } = await reach(entry)
    t.ok(files.size > 1, `${entry} has ${files.size} files`)
    t.same([...modules].filter(notIn(ALLOWED_IN_SUITE)), [])
  }
})

t.test('every kind of import is seen, and no comment is taken for one', async (t) => {
  const source = `
    import 'a'
    import b, { type B } from 'b'
    import type { C } from 'c'
    export * from 'd'
    export { e } from 'e'
    const f = await import('f')
    const g = require('g')
    // import 'not this'
    /** import 'nor this' */
  `
  t.same(importsOf(source), ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
})

/** The built files that `entry` leads to, itself included, and the other modules that these import. */
async function reach(entry: string): Promise<{ files: Set<string>; modules: Set<string> }> {
  const files = new Set([new URL(entry, DIST).href])
  const modules = new Set<string>()
  // A Set yields what is added to it meanwhile, too.
  for (const file of files) {
    for (const name of importsOf(await readFile(new URL(file), 'utf8'))) {
      if (name.startsWith('.')) files.add(builtFile(name, file))
      else modules.add(name)
    }
  }
  return { files, modules }
}

/** Declarations name what they import by its source (`./token.ts`). */
function builtFile(name: string, importer: string): string {
  return new URL(importer.endsWith('.d.ts') ? name.replace(/\.[jt]s$/, '.d.ts') : name, importer).href
}

function importsOf(source: string): string[] {
  return ts.preProcessFile(source, true, true).importedFiles.map(({ fileName }) => fileName)
}

function notIn(allowed: readonly string[]): (module: string) => boolean {
  return (module) => !allowed.includes(module)
}
