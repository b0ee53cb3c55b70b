import { type ParseArgsConfig, parseArgs } from 'node:util'
import type { ExitStatus } from './exit-status.ts'
import type { ManagerClient } from './manager-client.ts'

/** One command of `tenantry`. */
export interface Command {
  /** In the list of commands. */
  readonly summary: string
  /** Behind `tenantry`, in the first line of its help. */
  readonly usage: string
  /** The rest of its help: options, exit status. */
  readonly help: string
  /** @throws UsageError, ManagerError */
  run(args: readonly string[], manager: ManagerClient): Promise<ExitStatus>
}

/** It was called in a way that it does not know. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Takes the arguments of a command apart, into options and the rest. */
export function parseArguments<Options extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: Options,
): ReturnType<typeof parseArgs<{ args: string[]; options: Options; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

/**
 * The seconds of an option as milliseconds; 0 stands for any length of time.
 *
 * @throws UsageError
 */
export function parseSeconds(name: string, text: string): number {
  const seconds = /^\d{1,7}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(seconds)) throw new UsageError(`${name}: expected seconds (0: no limit), got '${text}'`)
  return seconds === 0 ? Number.POSITIVE_INFINITY : seconds * 1000
}
