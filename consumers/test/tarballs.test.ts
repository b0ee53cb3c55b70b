import { mkdtemp, readFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { removeAtEnd } from '@tenantry/testing'
import t from 'tap'
import { packPublished } from './support/pack.ts'
import { readTarball } from './support/tarball.ts'

const ROOT = join(import.meta.dirname, '../..')

/** All that a package may hold. */
const EXPECTED = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^src\/[\w/-]+\.ts$/,
  /^dist\/[\w/-]+(\.js|\.d\.ts)(\.map)?$/,
  /^migrations\/[\w.]+\.sql$/,
]

const directory = await mkdtemp(join(tmpdir(), 'tenantry-tarballs-'))
removeAtEnd(directory)
const tarballs = await packPublished(directory)

for (const [name, tarball] of tarballs) {
  t.test(`the tarball of ${name}`, async (t) => {
    const files = await readTarball(tarball)
    const paths = [...files.keys()]

    t.test('tells what it is, what has changed, and under which licence it is', async (t) => {
      t.match(files.get('README.md'), new RegExp(`^# ${name}\n`))
      t.match(files.get('CHANGELOG.md'), new RegExp(`^# ${name}\n(.|\\n)*\n## ${manifest(files).version}\n`))
      t.equal(files.get('LICENSE'), await readFile(join(ROOT, 'LICENSE'), 'utf8'))
    })

    t.test('holds nothing else than sources and what is made of them', async (t) => {
      t.same(
        paths.filter((path) => !EXPECTED.some((expected) => expected.test(path))),
        [],
      )
      // The compiler leaves what it has made of a file that is gone: then `dist` is to be removed, and built anew.
      const built = paths.filter((path) => path.startsWith('dist/'))
      t.same(
        built.filter(
          (path) => !files.has(path.replace('dist/', 'src/').replace(/(\.js|\.d\.ts)(\.map)?$/, '.ts')),
        ),
        [],
      )
    })

    t.test('has source maps that point at its own sources', async (t) => {
      const maps = paths.filter((path) => path.endsWith('.map'))
      t.ok(maps.length > 0)
      for (const path of maps) {
        const { sources, sourceRoot = '' } = JSON.parse(files.get(path) ?? '')
        for (const source of sources)
          t.ok(files.has(posix.join(posix.dirname(path), sourceRoot, source)), source)
      }
    })

    t.test('names no place on the machine that made it, and no workspace', async (t) => {
      const places = [ROOT, homedir(), tmpdir()].filter((place) => place !== '/')
      for (const [path, content] of files) {
        t.notOk(
          places.find((place) => content.includes(`${place}/`)),
          path,
        )
      }
      const { dependencies, peerDependencies } = manifest(files)
      for (const range of Object.values({ ...dependencies, ...peerDependencies })) t.match(range, /^\^\d/)
    })
  })
}

function manifest(files: ReadonlyMap<string, string>) {
  return JSON.parse(files.get('package.json') ?? '{}')
}
