import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { htmlReport } from './html-report.ts'
import type { Results } from './results.ts'

export interface WrittenResults {
  /** Absolute paths. */
  readonly json: string
  readonly html: string
}

/**
 * Writes the results as JSON and as a page, both named after the time at which the run started.
 *
 * @param directory made where it is missing
 * @throws Error when it cannot be written to; the message names the directory and the reason
 */
export async function writeResults(results: Results, directory: string): Promise<WrittenResults> {
  // No colons: Windows takes them for something else.
  const name = results.startedAt.replaceAll(':', '')
  const folder = resolve(directory)
  const paths = { json: join(folder, `${name}.json`), html: join(folder, `${name}.html`) }
  const page = htmlReport(results)
  try {
    await mkdir(folder, { recursive: true })
    // First the JSON, which is everything: should the disk be full, it is what one would miss.
    await writeFile(paths.json, `${JSON.stringify(results, undefined, 2)}\n`)
    await writeFile(paths.html, page)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`Expected to write the results to ${folder}, got: ${reason}`, { cause: error })
  }
  return paths
}
