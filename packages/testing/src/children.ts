import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'

/**
 * Keeps a list of processes and of directories. When its input ends, that is, when this process has, however it did,
 * it kills the ones and removes the others: once more after a moment, since those killed may have had children of
 * their own that were still writing.
 */
const WATCHER = `
pids=' '
while read -r change what; do
  case $change in
    started) pids="$pids$what " ;;
    ended) pids="\${pids%% $what *} \${pids#* $what }" ;;
    made) set -- "$@" "$what" ;;
  esac
done
kill -KILL $pids
for directory do
  rm -rf "$directory" || { sleep 1; rm -rf "$directory"; }
done`

let watcher: ChildProcess | undefined

/** Sees to it that `child` does not outlive this process, even if that is killed. */
export function adopt(child: ChildProcess): void {
  const pid = child.pid as number
  adoptProcess(pid)
  child.once('exit', () => disownProcess(pid))
}

/** The same for any process. Whoever calls this sees to {@link disownProcess}: its id may come to mean another one. */
export function adoptProcess(pid: number): void {
  tellWatcher(`started ${pid}`)
}

export function disownProcess(pid: number): void {
  tellWatcher(`ended ${pid}`)
}

/** Sees to it that a directory does not outlive this process. */
export function removeAtEnd(directory: string): void {
  tellWatcher(`made ${directory}`)
}

function tellWatcher(line: string): void {
  watcher ??= startWatcher()
  watcher.stdin?.write(`${line}\n`)
}

/** In a session of its own, so that a Ctrl-C does not end it first; and no reason for this process to go on. */
function startWatcher(): ChildProcess {
  const started = spawn('sh', ['-c', WATCHER], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  started.unref()
  ;(started.stdin as Socket).unref()
  return started
}
