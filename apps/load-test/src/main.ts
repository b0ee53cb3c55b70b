import { access, constants, mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { commandOf } from './command-of.ts'
import { openGivenScene, SceneError } from './given-scene.ts'
import { runLoadTest } from './load-test.ts'
import { LoadTestError } from './load-test-error.ts'
import { openLocalScene } from './local-scene.ts'
import { HELP, type Options, parseOptions, UsageError } from './options.ts'
import { progress } from './progress.ts'
import { verdictOf } from './report/verdict.ts'
import { isBroken, type Results } from './results.ts'
import type { Scene } from './scene.ts'
import { table } from './table.ts'
import { writeResults } from './write-results.ts'

/** What it ends with; the help and the README tell. */
const EXIT = { fine: 0, broken: 1, notMeasured: 2, interrupted: 130 } as const

/** pnpm passes Ctrl-C on to a process that the terminal has told already: twice within this time is once. */
const SAME_CTRL_C_MS = 1000

/** The standard output is for the results alone: whatever else there is to say goes to the standard error. */
async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args)
  if (options === undefined) {
    console.log(HELP)
    return EXIT.fine
  }
  // Before the run: it may take long, and would be for nothing.
  await makeDirectory(options.out)
  const interruption = new Interruption()
  const scene = await openScene(options)
  const signal = interruption.startOfRun()
  const results = await run(scene, { options, command: commandOf(args), signal }).catch((error: unknown) => {
    // There was no request yet, so there is nothing to be told.
    if (signal.aborted && error === signal.reason) return undefined
    throw error
  })
  if (results === undefined) return EXIT.interrupted
  console.log(options.json ? JSON.stringify(results, undefined, 2) : table(results))
  const { json, html } = await writeResults(results, options.out)
  console.error(`\n${html}\n${json}`)
  return statusOf(results, signal)
}

function statusOf(results: Results, { aborted }: AbortSignal): number {
  if (isBroken(results)) return EXIT.broken
  if (verdictOf(results).word === 'Proves nothing') return EXIT.notMeasured
  // By itself: a disturbance failed.
  return results.endedEarly !== undefined && !aborted ? EXIT.notMeasured : EXIT.fine
}

/** A Ctrl-C ends the run, and what was measured is told; before there is a run, or for the second time, it ends all. */
class Interruption {
  readonly #controller = new AbortController()
  #isRunning = false
  #askedAt: number | undefined

  constructor() {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => this.#end())
  }

  startOfRun(): AbortSignal {
    this.#isRunning = true
    return this.#controller.signal
  }

  #end(): void {
    // What was started is killed with this process.
    if (!this.#isRunning) process.exit(EXIT.interrupted)
    if (this.#askedAt === undefined) {
      this.#askedAt = performance.now()
      this.#controller.abort()
    } else if (performance.now() - this.#askedAt > SAME_CTRL_C_MS) {
      process.exit(EXIT.interrupted)
    }
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
    await access(path, constants.W_OK)
  } catch (cause) {
    const why = (cause as Error).message
    throw new UsageError(`--out: expected a directory that can be written to, got ${resolve(path)}: ${why}`, {
      cause,
    })
  }
}

async function openScene({ scene, settings: { maxAgeMs } }: Options): Promise<Scene> {
  if ('frontUrl' in scene) {
    const { MANAGER_API_KEY: key = '' } = process.env
    return openGivenScene({ ...scene, apiKey: key === '' ? undefined : key })
  }
  console.error('Starting Redis, Postgres, a tenant manager and replicas …')
  return openLocalScene({ ...scene, maxAgeMs }).catch((cause: Error) => {
    throw new SceneError(cause.message, { cause })
  })
}

interface Run {
  readonly options: Options
  readonly command: string
  readonly signal: AbortSignal
}

async function run(scene: Scene, { options, command, signal }: Run): Promise<Results> {
  const { settings, disturb } = options
  const shown = progress(process.stderr)
  try {
    return await runLoadTest(scene, settings, {
      command,
      disturb,
      signal,
      onProgress: (now) => shown.show(now),
    })
  } finally {
    shown.end()
    await scene.close()
  }
}

/** What people can put right themselves is told in a sentence; of anything else, all that is known. */
function explain(error: unknown): unknown {
  if (error instanceof UsageError) return `${error.message}\nSee: pnpm loadtest --help`
  return error instanceof SceneError || error instanceof LoadTestError ? error.message : error
}

// Node would end with 1, which is the word for something else.
process.on('uncaughtException', (error) => {
  console.error(error)
  process.exit(EXIT.notMeasured)
})
try {
  // Not process.exit: what is still on its way into a pipe would be cut off.
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(explain(error))
  process.exitCode = EXIT.notMeasured
}
