/**
 * Gives the tenant manager the sample tenants, through its API.
 *
 * Only those that it has never had: the history knows each, also after it was deleted. So this may be run at every
 * start, and goes on where it was interrupted.
 */
import { readFile } from 'node:fs/promises'

const { MANAGER_URL = 'http://127.0.0.1:4000', MANAGER_API_KEY } = process.env

const { tenants } = JSON.parse(
  await readFile(new URL('apps/sample-server/tenants.json', import.meta.url), 'utf8'),
)
for (const [id, { name, hostnames, ...config }] of Object.entries(tenants)) {
  const { restarts } = await ask(`restarts?tenant=${encodeURIComponent(id)}&limit=1`)
  if (restarts.length > 0) continue
  await ask('tenants', { method: 'POST', body: JSON.stringify({ id, name, hostnames, config }) })
  console.log(`${id}: http://${hostnames[0]}:8080/`)
}

/** @throws when the manager says no; the message is what it said */
async function ask(path, options) {
  const headers = {
    authorization: `Bearer ${MANAGER_API_KEY}`,
    'x-tenantry-operator': 'seed',
    ...(options && { 'content-type': 'application/json' }),
  }
  const response = await fetch(new URL(`/api/${path}`, MANAGER_URL), { ...options, headers })
  if (response.ok) return response.json()
  throw new Error(`${response.url}: ${response.status} ${await response.text()}`)
}
