import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface TenantsFixture {
  readonly path: string
  /** Writes the file: whole, as a broken one (any text), or with these tenants. */
  write(contents: string | Record<string, unknown>): void
}

/** A tenants file in a test's own directory. */
export function tenantsFixture(directory: string, tenants: Record<string, unknown>): TenantsFixture {
  const path = join(directory, 'tenants.json')
  const write = (contents: string | Record<string, unknown>) =>
    writeFileSync(path, typeof contents === 'string' ? contents : JSON.stringify({ tenants: contents }))
  write(tenants)
  return { path, write }
}
