/**
 * Puts together what stands in every report: one script and one stylesheet. The parts of the script share their
 * names as the scripts of one page do: they are joined, not bundled.
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const PARTS = ['colours.js', 'table.js', 'bands.js', 'chart.js', 'time-chart.js', 'histogram.js', 'main.js']

const path = (specifier) => fileURLToPath(import.meta.resolve(specifier))
const compiled = (part) => path(`../dist/page/${part}`)
const read = (file) => readFile(file, 'utf8')

const licence = await read(path('uplot/LICENSE'))
const library = await read(path('uplot/dist/uPlot.iife.min.js'))
const parts = await Promise.all(PARTS.map((part) => read(compiled(part))))
await write('report.js', [`/*\nuPlot\n\n${licence.trim()}\n*/`, library, ...parts])
await write('report.css', [await read(path('uplot/dist/uPlot.min.css')), await read(path('./style.css'))])
await Promise.all(PARTS.map((part) => rm(compiled(part))))

async function write(name, texts) {
  const text = `${texts.map((text) => text.trim()).join('\n')}\n`
  // It stands between tags, where nothing can be escaped.
  const end = /<\/(script|style)|<!--/i.exec(text)
  if (end !== null) throw new Error(`Expected nothing in ${name} that ends it in a page, got "${end[0]}"`)
  await writeFile(compiled(name), text)
}
