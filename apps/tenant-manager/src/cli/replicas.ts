import type { Replica } from '../api.ts'
import { type Command, parseArguments, UsageError } from './command.ts'
import { EXIT } from './exit-status.ts'
import { say, sayJson } from './output.ts'
import { table } from './table.ts'

export const replicas: Command = {
  summary: 'which replicas are alive',
  usage: 'replicas [--json]',
  help: `Lists the replicas that have told of themselves within the last ten seconds.

  --json   {"replicas": [{"replica", "startedAt", "tenants", "failed"}]}`,

  async run(args, manager) {
    const { values, positionals } = parseArguments(args, { json: { type: 'boolean' } })
    if (positionals.length > 0) throw new UsageError(`replicas takes no arguments, got '${positionals[0]}'`)
    const found = await manager.get<{ replicas: Replica[] }>('/replicas')
    if (values.json) sayJson({ replicas: found.replicas })
    else say(found.replicas.length > 0 ? replicasTable(found.replicas) : 'No replica has told of itself.')
    return EXIT.done
  },
}

function replicasTable(replicas: readonly Replica[]): string {
  const rows = replicas.map(({ replica, startedAt, tenants, failed }) => [
    replica,
    startedAt,
    `${tenants}`,
    `${failed}`,
  ])
  return table(['REPLICA', 'STARTED', 'TENANTS', 'FAILED'], rows)
}
