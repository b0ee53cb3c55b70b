/**
 * `npm test`: everything that has to hold, from a fresh clone on a machine that has Node and nothing else of ours.
 * `npm test core fastify` restricts it to these packages.
 *
 * The last line is `N passed, N failed`. Each test counts as one (tap-results.js says what a test is), and so does each
 * step that is no test: install, build, typecheck, lint, …, and the coverage of a package whose `.taprc` asks for it.
 *
 * Plain Node, and no syntax in here is younger than Node 14, as in workspace.js.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { PROGRAMS, programsFor, provide } from './programs.js'
import { build, checkNode, install, pnpm, report, root, run, StepError, say } from './workspace.js'

const names = process.argv.slice(2)
const packages = findPackages()
const only = packages.length === 1 ? packages[0].name : undefined
const startedAt = Date.now()
const failures = []
let passed = 0
let tests = 0

// Nothing that is started from here asks anybody anything.
process.env.CI = 'true'

// Without these three there is nothing to go on with; after them, each step has its say whatever the others said.
if (
  (await step('node', checkNode)) &&
  (await step('install', install)) &&
  (await step('build', () => build(only)))
) {
  await step('typecheck', typecheck)
  await step('lint', lint)
  if (names.length === 0) await step('knip', () => bin('knip'))
  await checkTarballs(packages.filter((each) => !each.private))
  await runTests(packages.filter(({ scripts }) => scripts.test))
  if (tests === 0) failures.push('No test was run.')
}
if (failures.length > 0) say(`\nFailed:\n${failures.map((each) => `  ${each}`).join('\n')}`)
say(`\nTook ${seconds(startedAt)}.\n${passed} passed, ${failures.length} failed`)
process.exitCode = failures.length === 0 ? 0 : 1

/** All packages and apps, or those that were asked for by folder or by name. */
function findPackages() {
  const found = []
  const inFolders = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((folder) => join(parent, folder)),
  )
  for (const path of [...inFolders, 'benchmarks', 'consumers', 'docker', 'examples']) {
    const dir = join(root, path)
    if (!existsSync(join(dir, 'package.json'))) continue
    const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
    found.push({ scripts: {}, ...manifest, folder: basename(path), dir })
  }
  const unknown = names.filter((name) => !found.some((each) => name === each.folder || name === each.name))
  if (unknown.length > 0) {
    say(
      `There is no package ${unknown.join(', ')}; there are ${found.map((each) => each.folder).join(', ')}.`,
    )
    process.exit(1)
  }
  return found.filter(
    (each) => names.length === 0 || names.includes(each.folder) || names.includes(each.name),
  )
}

/** Runs a step that counts as one, shows what it returns beside its name, and tells whether it passed. */
async function step(name, body) {
  const since = Date.now()
  try {
    const note = await body()
    passed += 1
    sayResult(name, since, { note })
    return true
  } catch (error) {
    failures.push(name)
    sayResult(name, since, { ok: false })
    report(error)
    return false
  }
}

async function typecheck() {
  const filters = packages.map(({ name }) => `--filter=${name}`)
  await pnpm(['exec', 'turbo', 'run', 'typecheck', '--continue', '--output-logs=errors-only', ...filters])
}

async function lint() {
  const paths = names.length === 0 ? ['.'] : packages.map(({ dir }) => dir)
  await bin('biome', ['check', '--error-on-warnings', ...paths])
}

/** Looks at what would be published, as it would be published: pnpm resolves `workspace:` and `catalog:` as it packs. */
async function checkTarballs(published) {
  if (published.length === 0) return
  const dir = await mkdtemp(join(tmpdir(), 'tenantry-'))
  try {
    const filters = published.map(({ name }) => `--filter=${name}`)
    const isPacked = await step('pack', async () => {
      await pnpm(['--recursive', ...filters, 'pack', '--pack-destination', dir])
    })
    if (!isPacked) return
    const tarballs = readdirSync(dir).map((file) => join(dir, file))
    await step('publint', async () => {
      for (const tarball of tarballs) await bin('publint', ['run', tarball, '--strict'])
    })
    await step('attw', async () => {
      const options = ['--profile', 'esm-only', '--no-definitely-typed', '--format', 'ascii', '--no-color']
      for (const tarball of tarballs) await bin('attw', [tarball, ...options])
    })
  } finally {
    await rm(dir, { recursive: true })
  }
}

/** Runs the tests of those packages for which all programs are there that they start. */
async function runTests(tested) {
  const needs = new Map(tested.map((each) => [each, programsFor(each)]))
  const missing = new Set()
  for (const program of PROGRAMS) {
    const isNeeded = [...needs.values()].some((programs) => programs.includes(program))
    if (isNeeded && !(await step(program.name, () => provide(program)))) missing.add(program)
  }
  for (const [each, programs] of needs) {
    const wanting = programs.filter((program) => missing.has(program)).map(({ name }) => name)
    if (wanting.length === 0) await testPackage(each)
    else say(`- ${each.name.padEnd(26)} not tested, for want of ${wanting.join(', ')}`)
  }
}

/** Runs the tests of one package, and then, where its `.taprc` has not disabled it, looks at their coverage. */
async function testPackage({ name, dir }) {
  const since = Date.now()
  // tap-parser is installed only by now.
  const { describeFailure, readTapResults } = await import('./tap-results.js')
  const tapFile = join(dir, '.tap/results.tap')
  await mkdir(join(dir, '.tap'), { recursive: true })
  await rm(tapFile, { force: true })

  const options = [
    '--reporter=tap',
    `--reporter-file=${tapFile}`,
    '--coverage-report=none',
    '--allow-incomplete-coverage',
  ]
  const error = await bin('tap', options, dir).catch((reason) => reason)
  const results = readTapResults(await readFile(tapFile, 'utf8').catch(() => ''))
  if (error && results.failed.length === 0) results.failed.push({ title: 'tap failed', points: [] })

  const notes = [`${results.passed} passed`]
  if (results.failed.length > 0) notes.push(`${results.failed.length} failed`)
  if (results.skipped > 0) notes.push(`${results.skipped} skipped`)
  sayResult(name, since, { ok: results.failed.length === 0, note: notes.join(', ') })
  if (error) report(error)
  for (const failure of results.failed.filter(({ points }) => points.length > 0))
    say(`\n${describeFailure(failure)}`)

  passed += results.passed
  tests += results.passed + results.failed.length
  failures.push(...results.failed.map(({ title }) => `${name}: ${title}`))
  const isCovered = !readFileSync(join(dir, '.taprc'), 'utf8').includes('disable-coverage')
  if (isCovered) await step(`${name}, coverage`, () => checkCoverage(dir))
}

/** Fails below what `.taprc` demands, and where there is a file that no test has loaded: tap does not miss that one. */
async function checkCoverage(dir) {
  await bin('tap', ['report', 'text', 'json-summary'], dir)
  const { total, ...files } = JSON.parse(
    await readFile(join(dir, '.tap/report/coverage-summary.json'), 'utf8'),
  )
  const unseen = readdirSync(join(dir, 'src'), { recursive: true }).filter(
    (file) => file.endsWith('.ts') && !(join(dir, 'src', file) in files) && hasCode(dir, file),
  )
  if (unseen.length > 0) throw new StepError(`No test of this package loads ${unseen.join(', ')}.`)
  return `${total.lines.pct} % of the lines`
}

/** False for a source file that holds nothing but types: no test can load it. */
function hasCode(dir, file) {
  const built = readFileSync(join(dir, 'dist', file.replace(/\.ts$/, '.js')), 'utf8')
  return built.replace(/\/\*[\s\S]*?\*\/|\/\/.*|export \{\};?/g, '').trim() !== ''
}

async function bin(name, args = [], dir = root) {
  await run(join(dir, 'node_modules/.bin', name), args, { cwd: dir })
}

function sayResult(name, since, { ok = true, note = '' }) {
  say(`${ok ? '✓' : '✗'} ${name.padEnd(26)} ${note.padEnd(30)} ${seconds(since).padStart(8)}`)
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}
