import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Demo } from './demo.ts'

interface Environment {
  readonly REDIS_URL: string | undefined
  readonly DATABASE_URL: string | undefined
}

/** What to try, ready to be copied into a browser and a shell. */
export function instructions(demo: Demo, environment: Environment): string {
  const { replicas } = demo.controls.state()
  return `
The page: what every replica serves, live. Restart a tenant there, and watch it land.
    ${pageUrl(demo)}
${demo.example === undefined ? NO_EXAMPLE : siteInstructions(demo, demo.example)}
${keeping(environment)}
Ctrl-C ends it.
`

  function siteInstructions(demo: Demo, { id, hostname }: NonNullable<Demo['example']>): string {
    const sites = replicas.map(({ port }) => `    http://${hostname}:${port}`)
    const whoAmIs = replicas.map(
      ({ port }) => `    curl -H 'Host: ${hostname}' http://127.0.0.1:${port}/whoami`,
    )
    const restart = `${pageUrl(demo)}/api/tenants/${encodeURIComponent(id)}/restart`
    return `
A tenant's site, on each replica:
${sites.join('\n')}

Which configuration does each of them serve?
${whoAmIs.join('\n')}

Restart the tenant on all of them, and ask again: each has a new token and a new build.
    curl -X POST ${word(restart)}
… or, waiting until all have it:
    ${demo.managerPort === 4000 ? '' : `MANAGER_URL=${pageUrl(demo)} `}node ${commandLine()} restart ${word(id)} --wait
`
  }
}

const NO_EXAMPLE = `
There is no tenant with a host name yet: create one on the page.
`

/** Where the page is. */
export function pageUrl({ managerPort }: Pick<Demo, 'managerPort'>): string {
  return `http://127.0.0.1:${managerPort}`
}

/** What will be left when the demo has ended. */
function keeping({ REDIS_URL, DATABASE_URL }: Environment): string {
  if (DATABASE_URL === undefined) {
    const what = REDIS_URL === undefined ? 'Everything is' : 'The tenants are'
    return `${what} in memory, and gone when this ends: DATABASE_URL may name a Postgres, REDIS_URL a Redis.`
  }
  const tokens =
    REDIS_URL === undefined ? 'in memory; REDIS_URL may name a Redis' : 'in the Redis of REDIS_URL'
  return `The tenants are kept in the Postgres of DATABASE_URL, their tokens ${tokens}.`
}

/** The command line, as this directory's shell finds it. */
function commandLine(): string {
  return word(relative('.', fileURLToPath(new URL('../../tenant-manager/dist/cli.js', import.meta.url))))
}

/** As one word of a shell, whatever is in it. */
function word(text: string): string {
  return /^[\w%.:/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
