import { printable } from '@tenantry/app-support'
import { SingleBar } from 'cli-progress'
import type { Convergence } from '../api.ts'
import { summaryOf } from './convergence.ts'
import type { Look } from './look.ts'
import type { ManagerClient } from './manager-client.ts'
import { say } from './output.ts'
import { type WatchOptions, watch } from './watch.ts'

/** Shows how far the replicas are. */
interface Progress {
  show(look: Look): void
  end(): void
}

const LINES: Progress = {
  show: (look) =>
    say(look.converged === null ? printable(`${look.tenant}: ${look.message}`) : summaryOf(look)),
  end() {},
}

const NOTHING: Progress = { show() {}, end() {} }

/** Watches, with a bar on a terminal, elsewhere with a line for each change, or without a word. */
export async function watchWithProgress(
  manager: ManagerClient,
  ids: readonly string[],
  { silent, ...options }: Omit<WatchOptions, 'onChange'> & { silent: boolean },
): Promise<Look[]> {
  const progress = silent ? NOTHING : process.stdout.isTTY ? new Bar() : LINES
  try {
    return await watch(manager, ids, { ...options, onChange: (look) => progress.show(look) })
  } finally {
    progress.end()
  }
}

/** Counts the replicas of all tenants that it was shown. */
class Bar implements Progress {
  readonly #bar = new SingleBar({
    format: '[{bar}] {value} of {total} replicas{rest}',
    stream: process.stdout,
    gracefulExit: false,
    barsize: 30,
  })
  readonly #stop = () => this.#bar.stop()
  readonly #told = new Map<string, Convergence>()
  /** Why the last look told nothing, by tenant. */
  readonly #untold = new Map<string, string>()

  show(look: Look): void {
    if (look.converged === null) {
      this.#untold.set(look.tenant, look.message)
    } else {
      this.#untold.delete(look.tenant)
      this.#told.set(look.tenant, look)
    }
    const told = [...this.#told.values()]
    const sum = (count: (each: Convergence) => number) => told.reduce((total, each) => total + count(each), 0)
    const total = sum(({ replicas }) => replicas.length)
    const value = sum(takenUp)
    const rest = { rest: this.#rest(sum) }
    if (!this.#bar.isActive) this.#start(total, value, rest)
    this.#bar.setTotal(total)
    this.#bar.update(value, rest)
  }

  end(): void {
    process.off('exit', this.#stop)
    this.#bar.stop()
  }

  #rest(sum: (count: (each: Convergence) => number) => number): string {
    const failed = sum(({ counts }) => counts.failed)
    const idle = sum((each) => (takenUp(each) === 0 ? each.counts['not-loaded'] : 0))
    const parts = new Set(this.#untold.values())
    if (idle > 0) parts.add(`${idle} not loaded`)
    if (failed > 0) parts.add(`${failed} failed`)
    return [...parts].map((part) => `, ${printable(part)}`).join('')
  }

  #start(total: number, value: number, payload: object): void {
    // While there is a bar, the terminal wraps no lines: not even Ctrl-C may leave it so.
    process.once('exit', this.#stop)
    this.#bar.start(total, value, payload)
  }
}

/** What a replica does not hold, it has not to take up, as long as another one shows that it can be built. */
function takenUp({ counts }: Convergence): number {
  return counts.current === 0 ? 0 : counts.current + counts['not-loaded']
}
