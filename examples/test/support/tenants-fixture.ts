import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Tenant } from '../../support/database.js'

export interface TenantsFixture {
  readonly path: string
  /** Commits a change of one tenant: merged into what it is. Undefined: deletes it. */
  change(id: string, change: Partial<Tenant> | undefined): void
  /** Makes the file one that nobody can read, until the next change. */
  breakIt(): void
}

/** A file of tenants of a test's own, to begin with Acme and Globex. */
export function tenantsFixture(t: Test): TenantsFixture {
  const path = join(t.testdir(), 'tenants.json')
  const tenants = new Map<string, Partial<Tenant>>([
    ['acme.localhost', { name: 'Acme', hostnames: ['acme.localhost', 'rockets.localhost'] }],
    ['globex.localhost', { name: 'Globex', hostnames: ['globex.localhost'] }],
  ])
  const commit = () => writeFileSync(path, JSON.stringify(Object.fromEntries(tenants)))
  commit()
  return {
    path,
    change(id, change) {
      if (change === undefined) tenants.delete(id)
      else tenants.set(id, { ...tenants.get(id), ...change })
      commit()
    },
    breakIt: () => writeFileSync(path, '{'),
  }
}
