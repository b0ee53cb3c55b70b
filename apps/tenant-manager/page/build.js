/**
 * Bundles the page: one script and one stylesheet, named after their contents so that browsers may keep them for
 * good, and the HTML that names them.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const source = (path) => fileURLToPath(new URL(path, import.meta.url))
const outdir = source('../dist/page')

await rm(outdir, { recursive: true, force: true })
const { metafile } = await build({
  entryPoints: [source('src/main.tsx'), source('src/style.css')],
  outdir,
  entryNames: 'page-[hash]',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
})

const names = Object.keys(metafile.outputs).map((path) => basename(path))
const html = await readFile(source('index.html'), 'utf8')
await mkdir(outdir, { recursive: true })
await writeFile(
  `${outdir}/index.html`,
  html.replace('src/style.css', nameOf('.css')).replace('src/main.tsx', nameOf('.js')),
)

function nameOf(extension) {
  const name = names.find((name) => name.endsWith(extension))
  if (name === undefined) throw new Error(`Expected esbuild to make a ${extension} file, got ${names}`)
  return name
}
