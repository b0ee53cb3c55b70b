import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import autocannon from 'autocannon'
import { hostOf } from './subjects.ts'

/** What one run of one subject gave. */
export interface Sample {
  /** Microseconds of the server's CPU time per request. */
  readonly cpuUs: number
  readonly requestsPerSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

export interface Load {
  readonly connections: number
  readonly tenants: number
  readonly seconds: number
}

/** A server under measurement. */
export interface Server {
  readonly name: string
  readonly port: number
  readonly child: ChildProcess
}

const canPin = availableParallelism() > 1 && hasTaskset()

/** Keeps a process on one core, so that server and client do not share one. Where that cannot be done, it is not. */
export function pin(pid: number | undefined, core: number): void {
  if (canPin && pid !== undefined)
    execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' })
}

export async function startServer(name: string, redisUrl: string, tenants: number): Promise<Server> {
  const child = fork(new URL('./server.js', import.meta.url), [name, redisUrl, String(tenants)])
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  pin(child.pid, 0)
  return { name, port, child }
}

/** Drives one server for a while and sees what it took. */
export async function measure(server: Server, load: Load): Promise<Sample> {
  const before = await cpuOf(server)
  // Autocannon's own percentiles are whole milliseconds, which is more than a request takes.
  const latencies: number[] = []
  const options: autocannon.Options = {
    url: `http://127.0.0.1:${server.port}`,
    connections: load.connections,
    duration: load.seconds,
    requests: Array.from({ length: load.tenants }, (_, index) => ({
      path: '/',
      headers: { host: hostOf(index) },
    })),
  }
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, ended) => (error ? reject(error) : resolve(ended)))
    run.on('response', (_client, _status, _bytes, responseMs) => latencies.push(responseMs))
  })
  const cpuUs = (await cpuOf(server)) - before
  const answered = result['2xx']
  if (answered === 0 || result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${server.name}: ${answered} answered, ${result.non2xx} refused, ${result.errors} failed`)
  }
  return {
    cpuUs: cpuUs / answered,
    requestsPerSecond: answered / result.duration,
    ...percentiles(latencies),
  }
}

function percentiles(latencies: readonly number[]): { p50: number; p99: number } {
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99) }
}

async function cpuOf({ child }: Server): Promise<number> {
  const answer = once(child, 'message')
  child.send('cpu')
  const [{ cpuUs }] = (await answer) as [{ cpuUs: number }]
  return cpuUs
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
