/** Reads what tap writes: how many tests passed, and which failed, and why. */
import { inspect } from 'node:util'
import { Parser } from 'tap-parser'

/**
 * @typedef {object} TapResults
 * @property {number} passed
 * @property {number} skipped skipped, or still to be written: neither passed nor failed
 * @property {Failure[]} failed
 *
 * @typedef {object} Failure
 * @property {string} title the file and the subtests that lead to it
 * @property {object[]} points the test points that say why
 */

/**
 * A test is a subtest without subtests, or a file without any. What fails beside the tests counts as one failed test:
 * an assertion between subtests, a file that throws, ends early or takes too long.
 *
 * @param {string} tap what one run of tap writes: a test point for each file, and in front of it those of its subtests
 * @returns {TapResults}
 */
export function readTapResults(tap) {
  const results = { passed: 0, skipped: 0, failed: [] }
  const parser = new Parser()
  const run = collect(parser, '')
  parser.end(tap)
  count(run, results)
  // A run that breaks off leaves fewer test points than it had planned.
  if (!parser.ok && results.failed.length === 0) results.failed.push({ title: 'tap broke off', points: [] })
  return results
}

/** What failed, in a few lines: where, what was expected, what was found. */
export function describeFailure({ title, points }) {
  const lines = [title]
  for (const { name, diag } of points) {
    if (!title.endsWith(name)) lines.push(indent(name))
    for (const [key, value] of Object.entries(diag ?? {})) {
      if (UNTOLD.has(key)) continue
      const text = typeof value === 'string' ? value.trimEnd() : inspect(value)
      lines.push(indent(text.includes('\n') ? `${key}:\n${indent(text)}` : `${key}: ${text}`))
    }
  }
  return lines.join('\n')
}

/** What tap says about a failure that helps nobody: how it started the file, and places that the stack names too. */
const UNTOLD = new Set(['args', 'at', 'command', 'cwd', 'externalID', 'jobId', 'stdio', 'tapCaught', 'test'])

/** The tree of subtests. `point` is the test point that closes one, `points` are its own assertions. */
function collect(parser, title) {
  const test = { title, point: undefined, points: [], subtests: [] }
  parser.on('child', (child) => test.subtests.push(collect(child, join(title, child.name))))
  parser.on('assert', (point) => {
    if (point.closingTestPoint) test.subtests.at(-1).point = point
    else test.points.push(point)
  })
  return test
}

function count({ title, point, points, subtests }, results) {
  const failedBefore = results.failed.length
  for (const subtest of subtests) count(subtest, results)

  const failedPoints = points.filter((each) => !each.ok && !isSkipped(each))
  if (point && subtests.length === 0) {
    if (isSkipped(point)) results.skipped += 1
    else if (point.ok) results.passed += 1
    else results.failed.push({ title, points: failedPoints.length > 0 ? failedPoints : [point] })
    return
  }
  results.skipped += points.filter(isSkipped).length
  for (const each of failedPoints) {
    // A file that takes too long is named by the diagnostics alone, and may have failed by itself as it was ended.
    const name = each.diag?.expired ?? each.name
    if (name !== each.name && results.failed.some((earlier) => earlier.title.startsWith(name))) continue
    results.failed.push({ title: join(title, name), points: [each] })
  }
  // All in it passed, and yet it failed: by its exit status, or by its plan.
  if (point && !point.ok && !isSkipped(point) && results.failed.length === failedBefore) {
    results.failed.push({ title, points: [point] })
  }
}

function isSkipped(point) {
  return Boolean(point.skip || point.todo)
}

function join(title, name) {
  return title === '' ? name : `${title} > ${name}`
}

function indent(text) {
  return text.replace(/^(?=.)/gm, '  ')
}
