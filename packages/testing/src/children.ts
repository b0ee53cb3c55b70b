import type { ChildProcess } from 'node:child_process'

const children = new Set<ChildProcess>()

/**
 * Sees to it that `child` does not outlive this process, as far as that is possible: nobody can tidy up behind a
 * SIGKILL.
 */
export function adopt(child: ChildProcess): void {
  if (children.size === 0) watchTheEnd()
  children.add(child)
  child.once('exit', () => children.delete(child))
}

function killChildren(): void {
  for (const child of children) child.kill('SIGKILL')
}

let watching = false

function watchTheEnd(): void {
  if (watching) return
  watching = true
  process.once('exit', killChildren)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      killChildren()
      // Nobody else wants to know: die of the signal, as the process would have without us.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
    })
  }
}
