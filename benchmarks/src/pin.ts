import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** The server has a core of its own; the client and Redis share another. */
export const SERVER_CORE = 0
export const CLIENT_CORE = 1
/** A third process has a core of its own where there is one. */
export const THIRD_CORE: number = availableParallelism() > 2 ? 2 : CLIENT_CORE

/** Whether processes can be kept on a core here. */
export const canPin: boolean = availableParallelism() > 1 && hasTaskset()

/** Keeps a process on one core, so that server and client do not share one. Where that cannot be done, it is not. */
export function pin(pid: number | undefined, core: number): void {
  if (canPin && pid !== undefined) {
    execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' })
  }
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
