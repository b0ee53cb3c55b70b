import { relative } from 'node:path'
import { tenantKey } from '@tenantry/core'
import type { Tenant } from '@tenantry/sample-server'
import type { Demo } from './demo.ts'

interface Environment {
  readonly TENANTS_FILE: string
  readonly REDIS_URL: string | undefined
}

/** What to try, ready to be copied into a browser and a shell. */
export function instructions(demo: Demo, tenants: readonly Tenant[], environment: Environment): string {
  const { TENANTS_FILE, REDIS_URL } = environment
  const tenant = tenants[0]
  if (tenant === undefined) return '\nThe tenants file has no tenants: add one, and ask again.\n'
  const { id } = tenant
  const host = tenant.hostnames[0] as string
  const urls = demo.replicaPorts.map((port) => `    http://${host}:${port}`)
  const whoAmIs = demo.replicaPorts.map(
    (port) => `    curl -H 'Host: ${host}' http://127.0.0.1:${port}/whoami`,
  )
  const others = tenants.slice(1).map(({ hostnames }) => hostnames[0])
  return `
Three replicas of a multi-tenant server, and a tenant manager.

  A tenant's page, on each replica:
${urls.join('\n')}${others.length > 0 ? `\n    and the same for ${others.join(', ')}` : ''}

  Which configuration does each replica serve?
${whoAmIs.join('\n')}

  Restart the tenant on all of them:
    curl -X POST ${word(`http://127.0.0.1:${demo.managerPort}/api/tenants/${encodeURIComponent(id)}/restart`)}
${REDIS_URL === undefined ? '' : redisInstructions(id, REDIS_URL)}
  Ask or reload again: each has a new token and a new build. To see more than that,
  change the tenant first, its tagline for one, in
    ${relative('.', TENANTS_FILE)}

Ctrl-C ends it.
`
}

function redisInstructions(id: string, redisUrl: string): string {
  // A URL with a password in it belongs on no screen.
  const hidden = redisUrl.includes('@')
  const url = hidden ? '"$REDIS_URL"' : word(redisUrl)
  return `
  … or without the manager${hidden ? ' (with the same REDIS_URL)' : ''}:
    redis-cli -u ${url} SET ${word(`tenantry:${tenantKey(id)}`)} $(uuidgen)
    redis-cli -u ${url} SET tenantry:all $(uuidgen)
`
}

/** As one word of a shell, whatever is in it. */
function word(text: string): string {
  return /^[\w%.:/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
