import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { installedPackages } from './installed-packages.ts'
import { packDirectory, readTarball } from './tarball.ts'

/** A registry on 127.0.0.1, which npm installs from. */
export interface Registry {
  readonly url: string
  close(): Promise<void>
}

/** What is read of a package.json; a registry passes the rest on. */
interface Manifest {
  name: string
  version: string
}

interface Version {
  manifest: Manifest
  pack: () => Promise<Buffer>
}

/**
 * Serves packed packages, and beside them what is installed in this workspace, packed when it is asked for: what they
 * need is there, and nobody asks anybody else. The latest version of a package is the one that was packed, otherwise the
 * highest.
 */
export async function startRegistry(tarballs: readonly string[]): Promise<Registry> {
  const installed = await installedPackages()
  const packed = await Promise.all(tarballs.map(packedVersion))

  async function versionsOf(name: string): Promise<Version[]> {
    const own = packed.filter(({ manifest }) => manifest.name === name)
    if (own.length > 0) return own
    const found = await Promise.all((installed.get(name) ?? []).map(installedVersion))
    return found.sort((a, b) => compareVersions(a.manifest.version, b.manifest.version))
  }

  const server = createServer(async (request, response) => {
    // `/@tenantry%2fcore` for all versions of a package, `/@tenantry/core/-/0.1.0.tgz` for one.
    const [name = '', file] = decodeURIComponent((request.url ?? '').slice(1)).split('/-/')
    const versions = await versionsOf(name)
    const version = versions.find(({ manifest }) => `${manifest.version}.tgz` === file)
    if (version !== undefined) response.end(await version.pack())
    else if (versions.length > 0) response.end(JSON.stringify(describe(name, versions, url)))
    else response.writeHead(404).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return {
    url,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** What a registry tells of a package. */
function describe(name: string, versions: readonly Version[], url: string) {
  const manifests = versions.map(({ manifest }) => {
    const dist = { tarball: `${url}${name}/-/${manifest.version}.tgz` }
    return [manifest.version, { ...manifest, dist }]
  })
  const latest = versions.at(-1)?.manifest.version
  return { name, 'dist-tags': { latest }, versions: Object.fromEntries(manifests) }
}

async function packedVersion(tarball: string): Promise<Version> {
  const manifest = JSON.parse((await readTarball(tarball)).get('package.json') ?? '{}')
  return { manifest, pack: () => readFile(tarball) }
}

async function installedVersion(directory: string): Promise<Version> {
  const manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'))
  return { manifest, pack: () => packDirectory(directory) }
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
