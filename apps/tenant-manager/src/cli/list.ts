import { printable } from '@tenantry/app-support'
import type { TenantSummary, TenantsPage } from '../api.ts'
import { type Command, parseArguments, UsageError } from './command.ts'
import { EXIT } from './exit-status.ts'
import type { ManagerClient } from './manager-client.ts'
import { say, sayJson } from './output.ts'
import { table } from './table.ts'

/** The most that the API gives at a time. */
const PAGE = 1000

export const list: Command = {
  summary: 'which tenants there are',
  usage: 'list [search] [--json]',
  help: `Lists the tenants whose id, name or host name contains [search], or all of them.

  --json   {"tenants": [{"id", "name", "hostnames", "version", …}]}`,

  async run(args, manager) {
    const { values, positionals } = parseArguments(args, { json: { type: 'boolean' } })
    const [search, ...more] = positionals
    if (more.length > 0) throw new UsageError(`list takes one search, got ${positionals.length}`)
    const tenants = await readAll(manager, search)
    if (values.json) sayJson({ tenants })
    else if (tenants.length > 0) say(tenantsTable(tenants))
    else say(search === undefined ? 'There are no tenants.' : `No tenant matches '${printable(search)}'.`)
    return EXIT.done
  },
}

async function readAll(manager: ManagerClient, search: string | undefined): Promise<TenantSummary[]> {
  const tenants: TenantSummary[] = []
  let after: string | undefined
  do {
    const page = await manager.get<TenantsPage>('/tenants', { search, after, limit: PAGE })
    tenants.push(...page.tenants)
    after = page.next ?? undefined
  } while (after !== undefined)
  return tenants
}

function tenantsTable(tenants: readonly TenantSummary[]): string {
  const rows = tenants.map(({ id, name, hostnames, version }) => [
    id,
    name,
    hostnames.join(', '),
    `${version}`,
  ])
  return table(['ID', 'NAME', 'HOST NAMES', 'VERSION'], rows)
}
