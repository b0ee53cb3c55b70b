import { fileURLToPath } from 'node:url'
import { freePort, type StartedProcess, startProcess } from '@tenantry/testing'
import type { Test } from 'tap'

type Environment = Record<string, string | undefined>

export interface StartedExample extends StartedProcess {
  /** Where it serves, if it does. */
  readonly port: number
}

/** Nothing of the environment that the tests run in. */
const UNSET: Environment = {
  DATABASE_URL: undefined,
  MEMCACHED: undefined,
  PORT: undefined,
  REDIS_URL: undefined,
  SCHEDULE: undefined,
  TENANTS_FILE: undefined,
}

/** Several start at once, on machines with few cores. */
const TIMEOUT_MS = 60_000

export function pathOf(file: string): string {
  return fileURLToPath(new URL(`../../${file}`, import.meta.url))
}

/** Starts an example that goes on until it is stopped, and waits until it is up. */
export async function startExample(t: Test, file: string, env: Environment = {}): Promise<StartedExample> {
  const port = await freePort()
  const example = await startProcess(process.execPath, [pathOf(file)], {
    env: { ...UNSET, PORT: `${port}`, ...env },
    until: /listening|waiting/i,
    timeoutMs: TIMEOUT_MS,
  })
  t.teardown(() => example.stop('SIGKILL'))
  return { ...example, port }
}

/** Starts an example that ends by itself; `options` are those of Node. */
export async function runExample(
  t: Test,
  file: string,
  { args = [], env = {}, options = [] }: { args?: string[]; env?: Environment; options?: string[] } = {},
): Promise<StartedProcess> {
  const example = await startProcess(process.execPath, [...options, pathOf(file), ...args], {
    env: { ...UNSET, ...env },
  })
  t.teardown(() => example.stop('SIGKILL'))
  return example
}

/** Waits for the end of an example, which is to be 0. */
export async function endsWell(t: Test, { exit, lines }: StartedProcess): Promise<void> {
  const code = await exit
  t.equal(code, 0, code === 0 ? 'it ended well' : lines.join('\n'))
}
