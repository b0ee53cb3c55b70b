import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'

/** Keeps a list of processes, and kills them when its input ends: that is, when this process has, however it did. */
const WATCHER = `
pids=' '
while read -r change pid; do
  case $change in
    started) pids="$pids$pid " ;;
    ended) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
kill -KILL $pids`

let watcher: ChildProcess | undefined

/** Sees to it that `child` does not outlive this process, even if that is killed. */
export function adopt(child: ChildProcess): void {
  watcher ??= startWatcher()
  const { stdin } = watcher
  stdin?.write(`started ${child.pid}\n`)
  child.once('exit', () => stdin?.write(`ended ${child.pid}\n`))
}

/** In a session of its own, so that a Ctrl-C does not end it first; and no reason for this process to go on. */
function startWatcher(): ChildProcess {
  const started = spawn('sh', ['-c', WATCHER], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  started.unref()
  ;(started.stdin as Socket).unref()
  return started
}
