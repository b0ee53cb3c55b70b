import { SingleBar } from 'cli-progress'
import { count, counted, seconds } from './report/units.ts'

/** How far a run is. */
export interface RunProgress {
  readonly requests: number
  readonly seconds: number
  /** Of the whole run: 0 to 1. */
  readonly share: number
  readonly requestsPerSecond: number
  readonly failed: number
  readonly stale: number
  readonly torn: number
  readonly wrong: number
  readonly restarts: number
  /** "replica-3 was killed"; undefined: nothing but requests and restarts. */
  readonly doing: string | undefined
}

export interface Progress {
  show(run: RunProgress): void
  /** To be called before anything else is written to the stream. */
  end(): void
}

const LINE_EVERY_SECONDS = 10

/** A bar on a terminal; elsewhere a line for each ten seconds of the run. */
export function progress(stream: NodeJS.WritableStream & { readonly isTTY?: boolean }): Progress {
  return stream.isTTY === true ? new Bar(stream) : new Lines(stream)
}

class Bar implements Progress {
  readonly #bar: SingleBar
  readonly #stop = () => this.#bar.stop()

  constructor(stream: NodeJS.WritableStream) {
    this.#bar = new SingleBar({
      format: '[{bar}] {percentage} %  {rest}',
      stream,
      gracefulExit: false,
      barsize: 24,
    })
  }

  show(run: RunProgress): void {
    // Floored: 100 is the end, not nearly so.
    const value = Math.floor(100 * run.share)
    const payload = { rest: `${seconds(run.seconds)}  ${summary(run)}` }
    if (this.#bar.isActive) {
      this.#bar.update(value, payload)
      return
    }
    // While there is a bar, the terminal wraps no lines: not even a crash may leave it so.
    process.once('exit', this.#stop)
    this.#bar.start(100, value, payload)
  }

  end(): void {
    process.off('exit', this.#stop)
    this.#bar.stop()
  }
}

class Lines implements Progress {
  readonly #stream: NodeJS.WritableStream
  #next = LINE_EVERY_SECONDS

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream
  }

  show(run: RunProgress): void {
    if (run.seconds < this.#next) return
    this.#next = LINE_EVERY_SECONDS * (Math.floor(run.seconds / LINE_EVERY_SECONDS) + 1)
    this.#stream.write(`${seconds(run.seconds)} (${Math.floor(100 * run.share)} %): ${summary(run)}\n`)
  }

  end(): void {}
}

/** What has gone wrong comes first: a terminal may be too narrow for the rest. */
function summary({ requests, requestsPerSecond, restarts, doing, ...run }: RunProgress): string {
  const bad = (['stale', 'torn', 'wrong', 'failed'] as const).filter((kind) => run[kind] > 0)
  return [
    ...(doing === undefined ? [] : [doing]),
    bad.length === 0 ? 'all well' : bad.map((kind) => `${count(run[kind])} ${kind}`).join(', '),
    counted(requests, 'request'),
    `${count(requestsPerSecond)}/s`,
    counted(restarts, 'restart'),
  ].join(', ')
}
