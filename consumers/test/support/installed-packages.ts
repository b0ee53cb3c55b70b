import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

const STORE = join(import.meta.dirname, '../../../node_modules/.pnpm')

/**
 * The directories of every package that pnpm has installed in this workspace, by the package's name: one for each of its
 * versions, and more where a version is installed beside several versions of a peer.
 */
export async function installedPackages(): Promise<Map<string, string[]>> {
  const packages = new Map<string, string[]>()
  for (const entry of await readdir(STORE)) {
    // Such as `@types+node@20.19.43`, which holds `node_modules/@types/node`.
    const [, encoded] = /^(@?[^@]+)@\d/.exec(entry) ?? []
    if (encoded === undefined) continue
    const name = encoded.replace('+', '/')
    packages.set(name, [...(packages.get(name) ?? []), join(STORE, entry, 'node_modules', name)])
  }
  return packages
}
