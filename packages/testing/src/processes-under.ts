import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/**
 * The ids of the processes that a process has started and that have not ended. At once, not awaited, so that nothing
 * happens between a look and the signal that follows it.
 */
export function processesUnder(parent: number): number[] {
  const processes = process.platform === 'linux' ? fromProc() : fromPs()
  return processes.filter(([, ppid]) => ppid === parent).map(([pid]) => pid)
}

/** Not ps, which the images of small Linux systems leave out. */
function fromProc(): [pid: number, ppid: number][] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid): [number, number][] => {
      try {
        // The command's name, in brackets, may hold anything; the state and the parent follow it.
        const [, ppid] = /^.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
        return [[Number(pid), Number(ppid)]]
      } catch {
        // It has ended since.
        return []
      }
    })
}

function fromPs(): [pid: number, ppid: number][] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  return lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number])
}
