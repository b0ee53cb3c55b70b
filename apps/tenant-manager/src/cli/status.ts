import { printableJson } from '@tenantry/app-support'
import { type Command, parseArguments, parseSeconds, UsageError } from './command.ts'
import { conclude } from './conclude.ts'
import { describeConvergence } from './convergence.ts'
import { type Look, readConvergence } from './look.ts'
import type { ManagerClient } from './manager-client.ts'
import { say, sayJson } from './output.ts'
import { watchWithProgress } from './progress.ts'
import { watch } from './watch.ts'

export const status: Command = {
  summary: 'which replicas have taken a restart up',
  usage: 'status <id> [--watch] [--timeout seconds] [--json]',
  help: `Tells where each replica is with the last restart of a tenant: current, behind, failed (it could not build
the tenant), or not-loaded (it does not hold it, and builds it anew when somebody asks for it).

  --watch             wait until replicas have taken it up, and none is behind
  --timeout seconds   … but no longer than this (default: 60; 0: no limit)
  --json              {"tenant", "converged", "counts", "replicas", …}; with --watch a line for each change, which is
                      {"tenant", "converged": null, "code", "message", "passing"} while nobody can tell

Ends with 0 if at least one replica has built the tenant since, and none is behind; 4 if one failed to build it; 3 if
neither is so: a replica is behind, or none has built it (one does when somebody asks for the tenant), or, with
--watch, nobody can tell.`,

  async run(args, manager) {
    const { values, positionals } = parseArguments(args, {
      watch: { type: 'boolean' },
      timeout: { type: 'string' },
      json: { type: 'boolean' },
    })
    const { json = false } = values
    const [id] = positionals
    if (id === undefined || positionals.length > 1) {
      throw new UsageError(`status takes one id, got ${positionals.length}`)
    }
    if (values.timeout !== undefined && !values.watch) throw new UsageError('--timeout goes with --watch')
    const timeoutMs = parseSeconds('--timeout', values.timeout ?? '60')

    if (!values.watch) {
      const found = await readConvergence(manager, id)
      if (json) sayJson(found)
      else say(describeConvergence(found))
      return conclude([found], { silent: true })
    }
    const looks = json
      ? await watchAsJson(manager, id, timeoutMs)
      : await watchWithProgress(manager, [id], { timeoutMs, hasAnswered: false, silent: false })
    return conclude(looks, { silent: json })
  },
}

function watchAsJson(manager: ManagerClient, id: string, timeoutMs: number): Promise<Look[]> {
  const onChange = (look: Look) => say(printableJson(look))
  return watch(manager, [id], { timeoutMs, hasAnswered: false, onChange })
}
