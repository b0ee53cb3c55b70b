import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Authority, Core, Modules } from '../modules.ts'
import type { Mutant } from './mutant.ts'

/** The package directories, as installed beside this package. */
const INSTALLED = fileURLToPath(new URL('../../node_modules/@tenantry', import.meta.url))

/**
 * Loads copies of the built packages in which one rule is broken. The copies lie in a directory of their own, and find
 * what they depend on where the packages themselves find it; the authority's copy depends on that of core.
 *
 * @throws when a text to be replaced is not there just once: the table of mutants has to follow the code
 */
export async function loadMutated(mutant: Mutant): Promise<Modules> {
  const directory = await mkdtemp(join(tmpdir(), 'tenantry-mutant-'))
  try {
    await copyPackage('core', directory)
    await copyPackage('authority', directory)
    await edit(join(directory, mutant.package, 'dist', mutant.file), mutant)
    // What is loaded does not need its files any longer.
    return {
      core: await load<Core>(directory, 'core'),
      authority: await load<Authority>(directory, 'authority'),
    }
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function copyPackage(name: 'core' | 'authority', directory: string): Promise<void> {
  const from = await realpath(join(INSTALLED, name))
  const to = join(directory, name)
  await mkdir(join(to, 'node_modules'), { recursive: true })
  await cp(join(from, 'package.json'), join(to, 'package.json'))
  await cp(join(from, 'dist'), join(to, 'dist'), {
    recursive: true,
    filter: (path) => !/\.(ts|map)$/.test(path),
  })
  for (const entry of await readdir(join(from, 'node_modules'))) {
    if (entry.startsWith('.') || entry === '@tenantry') continue
    await symlink(join(from, 'node_modules', entry), join(to, 'node_modules', entry))
  }
  await mkdir(join(to, 'node_modules/@tenantry'))
  await symlink(join(directory, 'core'), join(to, 'node_modules/@tenantry/core'))
}

async function edit(path: string, { name, edits }: Mutant): Promise<void> {
  let text = await readFile(path, 'utf8')
  for (const [from, to] of edits) {
    const parts = text.split(patternOf(from))
    if (parts.length !== 2) {
      throw new Error(
        `${name}: expected ${JSON.stringify(from)} once in ${path}, got it ${parts.length - 1} times`,
      )
    }
    text = parts.join(to)
  }
  await writeFile(path, text)
}

/** The compiler breaks lines where it likes. */
function patternOf(text: string): RegExp {
  const words = text
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(words.join('\\s+'))
}

async function load<Module>(directory: string, name: 'core' | 'authority'): Promise<Module> {
  return (await import(pathToFileURL(join(directory, name, 'dist/index.js')).href)) as Module
}
