import { createReadStream } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'
import { extract, pack } from 'tar-stream'

/** The files of a package, as text, by their paths in it. */
export async function readTarball(file: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for await (const entry of createReadStream(file).pipe(createGunzip()).pipe(extract())) {
    files.set(entry.header.name.replace(/^package\//, ''), await text(entry))
  }
  return files
}

/**
 * Packs a directory as it is, uncompressed. Entry by entry: pnpm links files that are alike to one another, and npm takes
 * no links out of a package.
 */
export async function packDirectory(directory: string): Promise<Buffer> {
  const packed = pack()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    packed.entry({ name: join('package', relative(directory, path)) }, await readFile(path))
  }
  packed.finalize()
  return buffer(packed)
}
