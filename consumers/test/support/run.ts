import { startProcess } from '@tenantry/testing'

export interface Ran {
  readonly code: number | null
  readonly output: string
}

/** What tells npm and Node something that is no business of the command: this test run, a package manager around it. */
const FOREIGN = /^(npm_|_?tap|\w+_proxy$)/i

/** Runs a command to its end, in an environment that does not show that a test runs it. */
export async function run(
  command: string,
  args: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): Promise<Ran> {
  const foreign = Object.keys(process.env).filter((name) => FOREIGN.test(name))
  const without = Object.fromEntries(foreign.map((name) => [name, undefined]))
  // tap gives every process that is spawned its NODE_OPTIONS, whatever `env` says: they are taken away after that.
  const started = await startProcess('env', ['NODE_OPTIONS=', command, ...args], {
    cwd,
    env: { ...without, ...env },
  })
  const code = await started.exit
  return { code, output: started.lines.join('\n') }
}
