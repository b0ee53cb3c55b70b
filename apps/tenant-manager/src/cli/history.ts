import type { Restart, RestartsPage } from '../api.ts'
import { type Command, parseArguments, UsageError } from './command.ts'
import { EXIT } from './exit-status.ts'
import { noSuchTenant } from './look.ts'
import type { ManagerClient } from './manager-client.ts'
import { say, sayJson } from './output.ts'
import { table } from './table.ts'

/** The most that the API gives at a time. */
const PAGE = 1000

export const history: Command = {
  summary: 'who restarted what, when and why',
  usage: 'history [id] [--limit n] [--json]',
  help: `Lists the restarts of one tenant, or all there were, the newest first: what was done (a tenant created,
changed or deleted, its host names changed, or restarted and nothing else), by whom, and when the store had it. The
history of a tenant outlives it.

  --limit n   at most so many (default: 50)
  --json      {"restarts": [{"id", "key", "tenant", "cause", "by", "reason", "requestedAt", "writtenAt"}]}`,

  async run(args, manager) {
    const { values, positionals } = parseArguments(args, {
      json: { type: 'boolean' },
      limit: { type: 'string', default: '50' },
    })
    const [tenant, ...more] = positionals
    if (more.length > 0) throw new UsageError(`history takes one id, got ${positionals.length}`)
    if (!/^[1-9]\d{0,8}$/.test(values.limit)) {
      throw new UsageError(`--limit: expected a number above 0, got '${values.limit}'`)
    }
    const restarts = await readNewest(manager, { tenant, limit: Number(values.limit) })
    if (tenant !== undefined && !hasOwn(restarts, tenant)) await requireKnown(manager, tenant)
    if (values.json) sayJson({ restarts })
    else say(restarts.length > 0 ? restartsTable(restarts) : 'There were no restarts.')
    return EXIT.done
  },
}

async function readNewest(
  manager: ManagerClient,
  { tenant, limit }: { tenant: string | undefined; limit: number },
): Promise<Restart[]> {
  const restarts: Restart[] = []
  let before: string | undefined
  do {
    const query = { tenant, before, limit: Math.min(PAGE, limit - restarts.length) }
    const page = await manager.get<RestartsPage>('/restarts', query)
    restarts.push(...page.restarts)
    before = page.next ?? undefined
  } while (before !== undefined && restarts.length < limit)
  return restarts
}

/** Restarts of all tenants are in the history of each, also of one that never was. */
function hasOwn(restarts: readonly Restart[], tenant: string): boolean {
  return restarts.some((restart) => restart.tenant === tenant)
}

/**
 * A tenant is known if it is there, or was once: then its own restarts may be older than those that were read.
 *
 * @throws ManagerError
 */
async function requireKnown(manager: ManagerClient, tenant: string): Promise<void> {
  try {
    await manager.get(`/tenants/${encodeURIComponent(tenant)}`)
  } catch (error) {
    const unknown = noSuchTenant(error, tenant)
    if (unknown === undefined) throw error
    if (!hasOwn(await readNewest(manager, { tenant, limit: Number.POSITIVE_INFINITY }), tenant)) throw unknown
  }
}

const CAUSES: Readonly<Record<Restart['cause'], string>> = {
  create: 'created',
  change: 'changed',
  hostnames: 'host names',
  delete: 'deleted',
  restart: 'restarted',
}

function restartsTable(restarts: readonly Restart[]): string {
  const rows = restarts.map(({ id, key, tenant, cause, by, reason, requestedAt, writtenAt }) => [
    id,
    tenant ?? (key === 'all' ? '(all tenants)' : '(the list of hosts)'),
    // Whatever was done to a tenant: the list of hosts was neither created nor deleted.
    key === 'all-hosts' ? CAUSES.change : CAUSES[cause],
    requestedAt,
    writtenAt ?? 'not yet',
    by,
    reason ?? '',
  ])
  return table(['RESTART', 'TENANT', 'WHAT', 'ASKED FOR', 'WRITTEN', 'BY', 'REASON'], rows)
}
