import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './run.ts'

const ROOT = join(import.meta.dirname, '../../..')

/**
 * Packs all packages that are published into a directory, as `pnpm publish` would: `workspace:` and `catalog:` become
 * versions.
 *
 * @returns the tarballs, by the names of the packages
 */
export async function packPublished(directory: string): Promise<Map<string, string>> {
  const { packageManager } = await readManifest(ROOT)
  const tarballs = new Map<string, string>()
  for (const folder of await readdir(join(ROOT, 'packages'))) {
    const manifest = await readManifest(join(ROOT, 'packages', folder))
    if (manifest.private) continue
    const file = `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`
    tarballs.set(manifest.name, join(directory, file))
  }
  const filters = [...tarballs.keys()].map((name) => `--filter=${name}`)
  const args = ['--yes', packageManager, '--recursive', ...filters, 'pack', '--pack-destination', directory]
  const { code, output } = await run('npx', args, { cwd: ROOT })
  if (code !== 0) throw new Error(`npx ${args.join(' ')} ended with ${code}\n${output}`)
  return tarballs
}

async function readManifest(directory: string) {
  return JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'))
}
