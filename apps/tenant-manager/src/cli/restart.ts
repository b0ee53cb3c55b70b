import { createInterface } from 'node:readline/promises'
import { printable } from '@tenantry/app-support'
import type { RestartManyReply } from '../api.ts'
import { type Command, parseArguments, parseSeconds, UsageError } from './command.ts'
import { conclude } from './conclude.ts'
import { EXIT } from './exit-status.ts'
import { complain, say, sayJson } from './output.ts'
import { watchWithProgress } from './progress.ts'

export const restart: Command = {
  summary: 'restart tenants on every replica',
  usage: 'restart <id…> | --all [--reason text] [--wait] [--timeout seconds] [--yes] [--json]',
  help: `Restarts these tenants, or all of them. If one does not exist, none is restarted.

  --all               every tenant; asks first
  --yes               … but not with this; without a terminal it is needed
  --reason text       why, for the history
  --wait              wait until replicas have taken it up, and none is behind
  --timeout seconds   … but no longer than this (default: 60; 0: no limit)
  --json              {"written", "restarts": [{"tenant", "token", "written"}]}; with --wait "convergence", too.
                      Where it is not "written", the token is an attempt: another one will be, alike up to the dot

Ends with 0 if it is done, with 3 if it is committed and will be written as soon as the store can be reached. With
--wait, ends with 0 if of each tenant at least one replica has built it since, and none is behind; 4 if one failed to
build it; 3 if neither is so in time: a replica is behind, none has built it (one does when somebody asks for the
tenant), or nobody can tell.`,

  async run(args, manager) {
    const { values, positionals } = parseArguments(args, {
      all: { type: 'boolean' },
      yes: { type: 'boolean' },
      reason: { type: 'string' },
      wait: { type: 'boolean' },
      timeout: { type: 'string' },
      json: { type: 'boolean' },
    })
    const { all = false, reason, wait = false, json = false } = values
    const ids = [...new Set(positionals)]
    if (all === ids.length > 0) throw new UsageError('restart takes either ids or --all')
    if (all && wait) {
      throw new UsageError(
        '--wait needs ids. Restart all without it, then wait for those that matter, one by one: tenantry status <id> --watch',
      )
    }
    if (values.timeout !== undefined && !wait) throw new UsageError('--timeout goes with --wait')
    const timeoutMs = parseSeconds('--timeout', values.timeout ?? '60')
    if (all && !values.yes && !process.stdin.isTTY) {
      throw new UsageError('restart --all needs --yes where there is no terminal to ask on')
    }
    if (all && !values.yes && !(await confirm())) {
      complain('Nothing was restarted.')
      return EXIT.refused
    }

    const body = { ...(all ? { all } : { tenants: ids }), ...(reason !== undefined && { reason }) }
    const reply = await manager.post<RestartManyReply>('/restart', body)
    if (!json) say(reply.restarts.map(describeRestart).join('\n'))
    if (!wait) {
      if (json) sayJson(reply)
      return reply.written ? EXIT.done : EXIT.pending
    }
    const looks = await watchWithProgress(manager, ids, { timeoutMs, hasAnswered: true, silent: json })
    if (json) sayJson({ ...reply, convergence: looks })
    return conclude(looks, { silent: json })
  },
}

type One = RestartManyReply['restarts'][number]

function describeRestart({ tenant, token, written }: One): string {
  const what = tenant === null ? 'all tenants' : printable(tenant)
  return written
    ? `${what}: restarted, token ${printable(token)}`
    : `${what}: committed; it will be written as ${printable(beginningOf(token))} as soon as the store can be reached`
}

/** What is not written yet is written with another value; up to the dot it is the same. */
function beginningOf(token: string): string {
  return `${token.slice(0, token.indexOf('.') + 1)}…`
}

/** Asks on the standard error, so that the output stays what it is. */
async function confirm(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // A terminal that is read line by line sends no signal.
  terminal.on('SIGINT', () => process.exit(EXIT.interrupted))
  const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')))
  const answer = await Promise.race([
    terminal.question('Restart all tenants on every replica? [y/N] '),
    ended,
  ])
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
